package dev.cistern.server.admin;

import dev.cistern.base.Guarded;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Finding;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreCheck;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A check of the store that runs on its own virtual thread. Keeps the first {@value #MAX_FINDINGS}
 * findings and counts the others.
 */
final class RunningCheck implements StoreCheck.Report {
  private static final Logger LOG = LoggerFactory.getLogger(RunningCheck.class);
  private static final int MAX_FINDINGS = 5_000;

  /** The state of a check. */
  enum State {
    RUNNING,
    DONE,
    FAILED;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A snapshot of the check.
   *
   * @param found the number of all findings
   * @param left the number of findings that are not repaired
   * @param dropped the number of findings that were counted but not kept
   */
  record Snapshot(
      State state,
      StoreCheck.Progress progress,
      long found,
      long left,
      long dropped,
      Optional<String> failure,
      List<Finding> findings) {}

  private final long id;
  private final Store store;
  private final StoreCheck.Order order;
  private final BiConsumer<Digest, List<RepositoryName>> refetching;
  private final Thread thread = Thread.ofVirtual().name("fsck").unstarted(this::run);

  /** Guarded by this, like the fields that follow. */
  private final List<Finding> findings = new ArrayList<>();

  private StoreCheck.Progress progress = new StoreCheck.Progress(0, 0);
  private State state = State.RUNNING;
  private Optional<String> failure = Optional.empty();
  private long found;
  private long left;

  RunningCheck(
      long id,
      Store store,
      StoreCheck.Order order,
      BiConsumer<Digest, List<RepositoryName>> refetching) {
    this.id = id;
    this.store = store;
    this.order = order;
    this.refetching = refetching;
  }

  void start() {
    thread.start();
  }

  /** Interrupts the check, which ends soon afterwards. */
  void close() {
    thread.interrupt();
  }

  long id() {
    return id;
  }

  synchronized State state() {
    return state;
  }

  /** Returns the progress, with up to {@code most} findings from index {@code from} on. */
  synchronized Snapshot snapshot(int from, int most) {
    int first = Math.min(from, findings.size());
    int end = Math.min(findings.size(), first + most);
    return new Snapshot(
        state,
        progress,
        found,
        left,
        found - findings.size(),
        failure,
        List.copyOf(findings.subList(first, end)));
  }

  private void run() {
    try {
      StoreCheck.Progress all = store.check(order, this);
      end(State.DONE, all, Optional.empty());
    } catch (IOException e) {
      if (!Thread.currentThread().isInterrupted()) {
        LOG.atError().addKeyValue("reason", e.getMessage()).log("check of the store failed");
      }
      fail(String.valueOf(e.getMessage()));
    } catch (RuntimeException | Error e) {
      Guarded.report("fsck", e);
      fail("internal error; the server's log has the cause");
    }
  }

  private void fail(String why) {
    end(State.FAILED, snapshot(0, 0).progress(), Optional.of(why));
  }

  private synchronized void end(State how, StoreCheck.Progress all, Optional<String> why) {
    state = how;
    progress = all;
    failure = why;
  }

  @Override
  public synchronized void found(Finding finding) {
    found++;
    left += finding.isRepaired() ? 0 : 1;
    if (findings.size() < MAX_FINDINGS) {
      findings.add(finding);
    }
  }

  @Override
  public synchronized void progress(StoreCheck.Progress soFar) {
    progress = soFar;
  }

  @Override
  public void refetch(Digest blob, List<RepositoryName> repositories) {
    refetching.accept(blob, repositories);
  }
}
