package dev.cistern.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.OidcIssuer;
import dev.cistern.auth.access.Users;
import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.PullSecret;
import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.mirror.rules.RulesException;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files of rules and secrets, read again when they change. The content of a refused file has no
 * effect. Its previous content and the other files stay in effect.
 *
 * <p>Used by one thread at a time.
 */
public final class RuleFiles {
  private static final Duration COARSEST = Duration.ofSeconds(2);
  private static final Set<String> ENDINGS = Set.of("yaml", "yml", "json");

  private final ResourceSettings settings;
  private Map<Path, Known> known = new HashMap<>();
  private List<Path> confFiles = List.of();

  RuleFiles(ResourceSettings settings) {
    this.settings = settings;
  }

  /**
   * Reads the files for the first time.
   *
   * @throws ConfigException if a file is refused, since there is no earlier content that could stay
   *     in effect
   */
  public static RuleFiles open(ResourceSettings settings) {
    var files = new RuleFiles(settings);
    List<String> complaints = files.refresh().complaints();
    if (!complaints.isEmpty()) {
      throw new ConfigException(String.join("\n", complaints));
    }
    return files;
  }

  /** The attributes of a file that change with its content. */
  private record Stamp(FileTime modified, long size, @Nullable Object key) {
    static Stamp of(Path file) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new Stamp(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
    }

    /**
     * Returns whether a change from now on would produce a different stamp, given the coarse clocks
     * of file systems.
     */
    boolean isSettled() {
      return modified.toInstant().plus(COARSEST).isBefore(Instant.now());
    }
  }

  /**
   * The state of a file when it was last read.
   *
   * @param isSettled whether the same stamp later means the same bytes
   * @param bytes the digest of the bytes that were read last
   * @param content the last valid content
   */
  private record Known(Stamp stamp, boolean isSettled, Digest bytes, Optional<Content> content) {}

  /** The parsed content of a file. */
  private sealed interface Content {
    record Objects(Resources resources) implements Content {}

    record Conf(RegistriesConf conf) implements Content {}

    record Secret(Keyring keyring) implements Content {}

    record Accounts(Users users) implements Content {}

    record Keys(String keySet) implements Content {}
  }

  /**
   * Reads files once.
   *
   * @throws ConfigException if a file is refused
   */
  public static Rules readOnce(ResourceSettings settings) {
    return open(settings).rules();
  }

  /** The result of {@link #refresh}: whether anything changed, and the errors. */
  public record Refreshed(boolean isChanged, List<String> complaints) {}

  /** Checks all files and reads those that changed. */
  public Refreshed refresh() {
    var now = new HashMap<Path, Known>();
    var complaints = new ArrayList<String>();
    for (Path file : files(complaints)) {
      @Nullable Known before = known.get(file);
      try {
        now.put(file, look(file, before, complaints));
      } catch (IOException e) {
        if (before != null) {
          now.put(file, before);
        }
        if (!(e instanceof NoSuchFileException) || settings.isNamed(file)) {
          complaints.add(file + ": cannot be read: " + e);
        }
      }
    }
    boolean isChanged = !Objects.equals(contents(now), contents(known));
    known = now;
    return new Refreshed(isChanged, complaints);
  }

  private Known look(Path file, @Nullable Known before, List<String> complaints)
      throws IOException {
    Stamp stamp = Stamp.of(file);
    boolean isSettled = stamp.isSettled();
    if (before != null && before.isSettled && before.stamp.equals(stamp)) {
      return before;
    }
    byte[] bytes = Files.readAllBytes(file);
    Digest digest = Digest.of(bytes);
    if (before != null && before.bytes.equals(digest)) {
      return new Known(stamp, isSettled, digest, before.content);
    }
    Optional<Content> content = Optional.ofNullable(before).flatMap(Known::content);
    try {
      content = Optional.of(read(file, bytes));
    } catch (ConfigException | RulesException | CredentialsException | AccessException e) {
      complaints.add(String.valueOf(e.getMessage()));
    }
    return new Known(stamp, isSettled, digest, content);
  }

  private static Map<Path, Optional<Content>> contents(Map<Path, Known> files) {
    var contents = new HashMap<Path, Optional<Content>>();
    files.forEach((file, found) -> contents.put(file, found.content));
    return contents;
  }

  /**
   * Returns the combined content of the files.
   *
   * @throws ConfigException if the files contradict each other
   */
  public Rules rules() {
    return rules(Resources.NONE);
  }

  /**
   * Returns the combined content of the files and of stored objects.
   *
   * @throws ConfigException if they contradict each other
   */
  public Rules rules(Resources stored) {
    RegistriesConf conf = RegistriesConf.EMPTY;
    for (Path file : confFiles) {
      conf = content(file, Content.Conf.class).map(Content.Conf::conf).map(conf::with).orElse(conf);
    }
    Resources resources = Resources.NONE;
    for (Path file : new TreeSet<>(known.keySet())) {
      resources =
          content(file, Content.Objects.class)
              .map(Content.Objects::resources)
              .map(resources::and)
              .orElse(resources);
    }
    List<Keyring> secrets = settings.pullSecret().flatMap(this::secret).stream().toList();
    return Rules.of(conf, resources, stored, secrets);
  }

  /** Returns the last valid content of a file of credentials. */
  public Optional<Keyring> secret(Path file) {
    return content(file, Content.Secret.class).map(Content.Secret::keyring);
  }

  /** Returns the users of the htpasswd file. */
  public Users users() {
    return settings
        .users()
        .flatMap(file -> content(file, Content.Accounts.class))
        .map(Content.Accounts::users)
        .orElse(Users.NONE);
  }

  /** Returns the text of an issuer's JWK set. */
  public Optional<String> keySet(Path file) {
    return content(file, Content.Keys.class).map(Content.Keys::keySet);
  }

  private <T extends Content> Optional<T> content(Path file, Class<T> kind) {
    return Optional.ofNullable(known.get(file))
        .flatMap(Known::content)
        .filter(kind::isInstance)
        .map(kind::cast);
  }

  /**
   * Lists all files. If a known file is missing, the directory is listed again, because a mount
   * that is replaced meanwhile has the file in its new place.
   */
  private Set<Path> files(List<String> complaints) {
    confFiles = confFiles(complaints);
    var files = new TreeSet<Path>(confFiles);
    settings.pullSecret().ifPresent(files::add);
    files.addAll(settings.credentials());
    settings.users().ifPresent(files::add);
    settings.issuers().forEach(issuer -> files.add(issuer.keys()));
    for (Path directory : settings.directories()) {
      var walk = new Walk(directory);
      Set<Path> found = walk.files();
      if (!found.containsAll(known(directory))) {
        found = walk.files();
      }
      files.addAll(found);
      walk.failures.forEach((path, failure) -> {
        complaints.add(path + ": cannot be read: " + failure);
        files.addAll(known(path));
      });
    }
    return files;
  }

  private List<Path> known(Path directory) {
    return known.keySet().stream().filter(file -> file.startsWith(directory)).toList();
  }

  /**
   * A search for the files of objects in a directory. A file that disappears meanwhile counts as
   * missing.
   */
  private static final class Walk extends SimpleFileVisitor<Path> {
    private final Path directory;
    private final Set<Path> found = new TreeSet<>();
    private final Map<Path, IOException> failures = new TreeMap<>();

    Walk(Path directory) {
      this.directory = directory;
    }

    Set<Path> files() {
      found.clear();
      failures.clear();
      try {
        Files.walkFileTree(
            directory, Set.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, this);
      } catch (IOException e) {
        failures.put(directory, e);
      }
      return Set.copyOf(found);
    }

    /**
     * Returns whether a path is hidden. Hidden files and directories belong to mounts and editors.
     */
    private boolean isHidden(Path path) {
      return !path.equals(directory) && path.getFileName().toString().startsWith(".");
    }

    @Override
    public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) {
      return isHidden(path) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      String name = file.getFileName().toString();
      boolean isObjects =
          file.equals(directory)
              || (!isHidden(file) && ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1)));
      if (isObjects && attributes.isRegularFile()) {
        found.add(file);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path path, IOException failure) {
      return note(path, failure);
    }

    @Override
    public FileVisitResult postVisitDirectory(Path path, @Nullable IOException failure) {
      return failure == null ? FileVisitResult.CONTINUE : note(path, failure);
    }

    private FileVisitResult note(Path path, IOException failure) {
      if (!isHidden(path)
          && (path.equals(directory) || !(failure instanceof NoSuchFileException))) {
        failures.put(path, failure);
      }
      return FileVisitResult.CONTINUE;
    }
  }

  /**
   * Returns the files of registries.conf in their order. Those of a directory are sorted by name.
   */
  private List<Path> confFiles(List<String> complaints) {
    var files = new ArrayList<Path>();
    for (Path path : settings.registriesConf()) {
      if (!Files.isDirectory(path)) {
        files.add(path);
        continue;
      }
      try (Stream<Path> found = Files.list(path)) {
        found.filter(file -> file.toString().endsWith(".conf")).sorted().forEach(files::add);
      } catch (IOException | UncheckedIOException e) {
        complaints.add(path + ": cannot be read: " + e);
        confFiles.stream().filter(file -> file.startsWith(path)).forEach(files::add);
      }
    }
    return files;
  }

  private Content read(Path file, byte[] bytes) {
    if (confFiles.contains(file)) {
      return new Content.Conf(RegistriesConf.parse(text(file, bytes), file.toString()));
    }
    if (settings.isSecret(file)) {
      return new Content.Secret(secret(file, bytes));
    }
    if (settings.isUsers(file)) {
      return new Content.Accounts(Users.parse(text(file, bytes), file.toString()));
    }
    List<AccessSettings.Issuer> issuers = settings.issuers(file);
    if (!issuers.isEmpty()) {
      return new Content.Keys(keySet(file, text(file, bytes), issuers));
    }
    Resources resources = Resources.parse(text(file, bytes), file.toString());
    for (Resources.Secret secret : resources.secrets()) {
      if (PullSecret.isPullSecret(secret.type())) {
        keyring(file, secret); // refused at this point, where the file is known
      }
    }
    return new Content.Objects(resources);
  }

  private static String keySet(Path file, String text, List<AccessSettings.Issuer> issuers) {
    try {
      for (AccessSettings.Issuer issuer : issuers) {
        OidcIssuer.of(issuer.settings(), text, InstantSource.system()); // refused now, not later
      }
      return text;
    } catch (AccessException e) {
      throw new ConfigException(file + ": " + e.getMessage());
    }
  }

  private static String text(Path file, byte[] bytes) {
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ConfigException(file + ": not UTF-8");
    }
  }

  private static Keyring keyring(Path file, Resources.Secret secret) {
    try {
      return Rules.keyring(secret);
    } catch (ConfigException e) {
      throw new ConfigException(file + ": " + e.getMessage());
    }
  }

  /**
   * Reads a Docker configuration file, or a Secret that contains one, once.
   *
   * @throws ConfigException if the file cannot be read, or is neither
   */
  public static Keyring readSecret(Path file) {
    try {
      return secret(file, Files.readAllBytes(file));
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e);
    }
  }

  private static Keyring secret(Path file, byte[] bytes) {
    String text = text(file, bytes);
    boolean isObject =
        text.contains("apiVersion")
            && Section.parseAll(text, file.toString()).stream()
                .anyMatch(document -> document.text("kind").isPresent());
    if (!isObject) {
      return DockerConfig.parse(bytes, file.toString());
    }
    List<Resources.Secret> secrets = Resources.parse(text, file.toString()).secrets();
    if (secrets.size() != 1) {
      throw new ConfigException(
          file + ": one Secret is expected, not " + secrets.size() + "; or a docker config.json");
    }
    return keyring(file, secrets.getFirst());
  }
}
