package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kill -9} at a random moment, and then a file of the store that is damaged: what comes of
 * it is in the table of {@link #TABLE}, made beforehand. Never are wrong bytes served, and never is
 * an acknowledged push gone without a word: once the right file is back, or was pushed again, all
 * of it is there. Rounds without damage must start.
 *
 * <p>{@code -Dcistern.damages} says how many rounds, three of ten without damage; {@code
 * -Dcistern.seed} repeats a run as far as threads allow.
 */
class KillAndDamageTest {
  private static final int WITHOUT = 3;
  private static final int CYCLE = 10;
  private static final int REFUSED = 3;
  private static final String DAMAGED = "the stored copy is damaged; push it again";

  private final long seed = Long.getLong("cistern.seed", new SplittableRandom().nextLong());
  private final int rounds = Integer.getInteger("cistern.damages", 4);
  private final Map<String, Integer> tally = new TreeMap<>();

  /** What may come of a damage. */
  enum Verdict {
    /** The start is refused with status 3, and names what is wrong. */
    REFUSED,
    /** Cached content is fetched again; pushed content is absent until it is pushed again. */
    HEALED,
    /** Nothing that was acknowledged depends on it; a client is told what it has to send again. */
    SERVED,
    /** Reads fail with a status, and do not give anything wrong. */
    ERRORS,
    /** {@code cistern fsck --digests} names it; with {@code --repair} it is as HEALED. */
    NAMED
  }

  /** One kind of damage, and what may come of it. */
  private record Damage(Target target, Way way, Set<Verdict> expected) {
    static Damage of(Target target, Way way, Verdict... expected) {
      return new Damage(target, way, Set.of(expected));
    }

    @Override
    public String toString() {
      return target + " " + way;
    }
  }

  /**
   * The table of verdicts. A table of the index that its manifest does not name yet, or no longer,
   * is no part of the store, and the end of a log may be of changes that were not acknowledged:
   * without them all is served.
   */
  private static final List<Damage> TABLE =
      List.of(
          Damage.of(Target.BLOB, Way.CUT, Verdict.HEALED),
          Damage.of(Target.LOG, Way.FLIPPED, Verdict.REFUSED, Verdict.SERVED),
          Damage.of(Target.UPLOAD, Way.FLIPPED, Verdict.SERVED),
          Damage.of(Target.TABLE, Way.LOST, Verdict.REFUSED, Verdict.SERVED),
          Damage.of(Target.BLOB, Way.FLIPPED, Verdict.NAMED),
          Damage.of(Target.LOG, Way.CUT, Verdict.REFUSED, Verdict.SERVED),
          Damage.of(Target.UPLOAD, Way.CUT, Verdict.SERVED),
          Damage.of(Target.TABLE, Way.FLIPPED, Verdict.REFUSED, Verdict.ERRORS, Verdict.SERVED),
          Damage.of(Target.BLOB, Way.LOST, Verdict.HEALED),
          Damage.of(Target.LOG, Way.LOST, Verdict.REFUSED, Verdict.SERVED),
          Damage.of(Target.UPLOAD, Way.LOST, Verdict.SERVED),
          Damage.of(Target.TABLE, Way.CUT, Verdict.REFUSED, Verdict.SERVED));

  private enum Target {
    BLOB("blobs", ""),
    LOG("index", ".log"),
    TABLE("index", ".sst"),
    UPLOAD("uploads", "");

    private final String directory;
    private final String suffix;

    Target(String directory, String suffix) {
      this.directory = directory;
      this.suffix = suffix;
    }
  }

  private enum Way {
    FLIPPED,
    CUT,
    LOST
  }

  /** A file that was damaged, and the right one aside. */
  private record Damaged(Damage damage, Path file, Path right) {
    /** Returns the digest of the blob that it is. */
    String digest() {
      return "sha256:" + file.getFileName();
    }
  }

  @Test
  void whateverIsDamagedNothingWrongIsServedAndNothingIsLostWithoutAWord(@TempDir Path directory)
      throws IOException {
    System.out.printf("KillAndDamageTest: -Dcistern.seed=%d -Dcistern.damages=%d%n", seed, rounds);
    Path data = directory.resolve("data");
    try (SeededUpstream upstream = SeededUpstream.start()) {
      var work = new KilledWork(seed, data, upstream);
      work.prepare();
      int damages = 0;
      for (int round = 1; round <= rounds; round++) {
        work.round(round);
        boolean isDamaged = round % CYCLE != 0 && round % CYCLE <= CYCLE - WITHOUT;
        Optional<Damaged> damaged = Optional.empty();
        if (isDamaged) {
          Damage damage = TABLE.get(damages++ % TABLE.size());
          damaged = damage(damage, data, directory.resolve("right"), work.random());
        }
        String name = damaged.map(one -> one.damage() + " " + one.file()).orElse("no damage");
        try {
          Verdict verdict = damaged.isPresent() ? judge(work, damaged.get()) : Verdict.SERVED;
          tally.merge(
              damaged.map(one -> one.damage() + " ").orElse("no damage ") + verdict,
              1,
              Integer::sum);
          damaged.ifPresent(one -> assertThat(one.damage().expected).as(name).contains(verdict));
          verify(work);
        } catch (AssertionError e) {
          throw new AssertionError(
              "with -Dcistern.seed=%d, round %d, %s".formatted(seed, round, name), e);
        }
      }
    }
    System.out.println("KillAndDamageTest: " + tally);
  }

  private static Optional<Damaged> damage(
      Damage damage, Path data, Path right, SplittableRandom random) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> all = Files.walk(data.resolve(damage.target.directory))) {
      all.filter(Files::isRegularFile)
          .filter(file -> file.toString().endsWith(damage.target.suffix))
          .filter(file -> file.toFile().length() > 0)
          .sorted()
          .forEach(files::add);
    }
    if (files.isEmpty()) {
      return Optional.empty();
    }
    Path file = files.get(random.nextInt(files.size()));
    Files.copy(file, right, StandardCopyOption.REPLACE_EXISTING);
    long size = Files.size(file);
    switch (damage.way) {
      case LOST -> Files.delete(file);
      case CUT -> {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(random.nextLong(size));
        }
      }
      case FLIPPED -> {
        try (FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
          long at = random.nextLong(size);
          ByteBuffer one = ByteBuffer.allocate(1);
          channel.read(one, at);
          one.put(0, (byte) (one.get(0) ^ (1 << random.nextInt(8))));
          channel.write(one.rewind(), at);
        }
      }
    }
    return Optional.of(new Damaged(damage, file, right));
  }

  /** Starts with the damage, says what comes of it, and puts right what can be put right. */
  private static Verdict judge(KilledWork work, Damaged damaged) throws IOException {
    boolean isNamed = damaged.damage().expected.contains(Verdict.NAMED);
    if (isNamed) {
      fsck(work, damaged);
    }
    CisternServer server;
    try {
      server = work.start();
    } catch (AssertionError refused) {
      assertThat(refused).hasStackTraceContaining("it ended with " + REFUSED);
      assertThat(refused).hasMessageContaining("error: ");
      putBack(damaged);
      return Verdict.REFUSED;
    }
    try (server;
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      return switch (damaged.damage().target) {
        case BLOB -> {
          heal(work, calls, damaged.digest());
          yield isNamed ? Verdict.NAMED : Verdict.HEALED;
        }
        case UPLOAD -> {
          beginAgain(work, calls, damaged.file().getFileName().toString());
          yield Verdict.SERVED;
        }
        case LOG, TABLE -> readAll(work, calls) ? Verdict.SERVED : Verdict.ERRORS;
      };
    } finally {
      server.kill();
      if (damaged.damage().target == Target.TABLE) {
        putBack(damaged);
      }
    }
  }

  private static void putBack(Damaged damaged) throws IOException {
    Files.copy(damaged.right(), damaged.file(), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Has fsck name the damaged blob, and set it aside. */
  private static void fsck(KilledWork work, Damaged damaged) {
    CisternCommand found =
        CisternCommand.run("fsck", "--data", work.data().toString(), "--digests");
    assertThat(found.output()).contains(damaged.digest());
    assertThat(found.status()).as(found.output()).isEqualTo(1);
    CisternCommand repaired =
        CisternCommand.run("fsck", "--data", work.data().toString(), "--digests", "--repair");
    assertThat(repaired.status()).as(repaired.output()).isIn(0, 1);
  }

  /**
   * Pulls everything: only the damaged blob may be absent, where it was pushed, and says so; it is
   * pushed again.
   */
  private static void heal(KilledWork work, HttpCalls calls, String digest) throws IOException {
    for (KilledWork.Image image : work.images()) {
      KilledWork.verifyImage(calls, image);
    }
    var ledgers = new ArrayList<>(work.ledgers());
    ledgers.add(work.base());
    for (Ledger ledger : ledgers) {
      for (Sample blob : ledger.presentBlobs()) {
        String path = "/v2/" + ledger.repository() + "/blobs/" + blob.digest();
        HttpCalls.Reply reply = calls.send("GET", path);
        if (blob.digest().equals(digest) && reply.status() == 404) {
          assertThat(reply.text()).contains(DAMAGED);
          work.client(ledger, calls).pushAtOnce(blob);
        } else {
          assertThat(reply.status()).as("%s", reply).isEqualTo(200);
          assertThat(Sample.digest(reply.body())).as(path).isEqualTo(blob.digest());
        }
      }
    }
  }

  /** An upload whose bytes are not those that came does not become a blob, and is begun again. */
  private static void beginAgain(KilledWork work, HttpCalls calls, String id) throws IOException {
    for (Ledger ledger : work.ledgers()) {
      for (Ledger.OpenUpload upload : List.copyOf(ledger.uploads())) {
        if (upload.location().contains(id)) {
          Sample blob = upload.blob();
          HttpCalls.Reply ended =
              calls.send(
                  "PUT",
                  upload.location() + "?digest=" + blob.digest(),
                  blob.part(upload.length(), blob.size()),
                  "Content-Type",
                  "application/octet-stream");
          assertThat(ended.status()).as("%s", ended).isIn(400, 404, 416);
          ledger.uploads().remove(upload);
          work.client(ledger, calls).pushAtOnce(blob);
        }
      }
    }
  }

  /** Reads everything; returns whether nothing failed. */
  private static boolean readAll(KilledWork work, HttpCalls calls) throws IOException {
    boolean isWhole = true;
    for (Ledger ledger : work.ledgers()) {
      for (Sample blob : ledger.presentBlobs()) {
        isWhole &= isRight(calls, ledger.repository() + "/blobs/", blob);
      }
      for (Sample manifest : ledger.presentManifests()) {
        isWhole &= isRight(calls, ledger.repository() + "/manifests/", manifest);
      }
    }
    return isWhole;
  }

  private static boolean isRight(HttpCalls calls, String place, Sample sample) throws IOException {
    HttpCalls.Reply reply = calls.send("GET", "/v2/" + place + sample.digest());
    if (reply.status() >= 500) {
      return false;
    }
    assertThat(reply.status()).as("%s", reply).isEqualTo(200);
    assertThat(Sample.digest(reply.body())).as("%s", reply).isEqualTo(sample.digest());
    return true;
  }

  /** Everything that was acknowledged is there. */
  private static void verify(KilledWork work) throws IOException {
    CisternServer server = work.start();
    try (HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Ledger ledger : work.ledgers()) {
        ledger.verify(calls);
      }
      work.base().verify(calls);
      for (KilledWork.Image image : work.images()) {
        KilledWork.verifyImage(calls, image);
      }
    } finally {
      server.kill();
    }
  }
}
