package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.PullSecret;
import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.mirror.rules.RulesException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files of rules and secrets, read anew when they change. What a file says that is refused does
 * not count: what it said before stays in force, and so do all others.
 *
 * <p>Used by one thread at a time.
 */
public final class RuleFiles {
  private static final Set<String> ENDINGS = Set.of("yaml", "yml", "json");

  private final ResourceSettings settings;
  private Map<Path, Known> known = new HashMap<>();
  private List<Path> confFiles = List.of();

  public RuleFiles(ResourceSettings settings) {
    this.settings = settings;
  }

  /** What tells one content of a file from another without reading it. */
  private record Stamp(FileTime modified, long size, @Nullable Object key) {
    static Stamp of(Path file) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new Stamp(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
    }
  }

  /** What a file said last, and last that was good. */
  private record Known(Stamp stamp, Optional<Content> content) {}

  /** What a file says: one of the three. */
  private record Content(
      Resources resources, Optional<RegistriesConf> conf, Optional<Keyring> secret) {}

  /**
   * Reads files once.
   *
   * @throws ConfigException if one of them is refused
   */
  public static Rules readOnce(ResourceSettings settings) {
    var files = new RuleFiles(settings);
    List<String> complaints = files.refresh().complaints();
    if (!complaints.isEmpty()) {
      throw new ConfigException(String.join("\n", complaints));
    }
    return files.rules();
  }

  /** What {@link #refresh} found: whether anything changed, and what is wrong. */
  public record Refreshed(boolean isChanged, List<String> complaints) {}

  /** Looks at all files and reads those that changed. */
  public Refreshed refresh() {
    var now = new HashMap<Path, Known>();
    var complaints = new ArrayList<String>();
    for (Path file : files(complaints)) {
      Optional<Known> before = Optional.ofNullable(known.get(file));
      try {
        Stamp stamp = Stamp.of(file);
        now.put(
            file,
            before.filter(same -> same.stamp.equals(stamp)).isPresent()
                ? before.get()
                : new Known(stamp, Optional.of(read(file))));
      } catch (IOException e) {
        complaints.add(file + ": cannot be read: " + e);
        before.ifPresent(kept -> now.put(file, kept));
      } catch (ConfigException | RulesException | CredentialsException e) {
        complaints.add(String.valueOf(e.getMessage()));
        now.put(file, new Known(stamp(file), before.flatMap(Known::content)));
      }
    }
    boolean isChanged = !Objects.equals(contents(now), contents(known));
    known = now;
    return new Refreshed(isChanged, complaints);
  }

  private static Map<Path, Optional<Content>> contents(Map<Path, Known> files) {
    var contents = new HashMap<Path, Optional<Content>>();
    files.forEach((file, found) -> contents.put(file, found.content));
    return contents;
  }

  private static Stamp stamp(Path file) {
    try {
      return Stamp.of(file);
    } catch (IOException e) {
      return new Stamp(FileTime.fromMillis(0), -1, null);
    }
  }

  /**
   * Returns what the files say together.
   *
   * @throws ConfigException if that does not go together
   */
  public Rules rules() {
    RegistriesConf conf = RegistriesConf.EMPTY;
    for (Path file : confFiles) {
      conf = content(file).flatMap(Content::conf).map(conf::with).orElse(conf);
    }
    Resources resources = Resources.NONE;
    for (Path file : new TreeSet<>(known.keySet())) {
      resources = content(file).map(Content::resources).map(resources::and).orElse(resources);
    }
    List<Keyring> secrets =
        settings.pullSecret().flatMap(this::content).flatMap(Content::secret).stream().toList();
    return Rules.of(conf, resources, secrets);
  }

  private Optional<Content> content(Path file) {
    return Optional.ofNullable(known.get(file)).flatMap(Known::content);
  }

  private Set<Path> files(List<String> complaints) {
    confFiles = confFiles(complaints);
    var files = new TreeSet<Path>(confFiles);
    settings.pullSecret().ifPresent(files::add);
    for (Path directory : settings.directories()) {
      try (Stream<Path> found = Files.walk(directory, FileVisitOption.FOLLOW_LINKS)) {
        found.filter(file -> isObjects(directory, file)).forEach(files::add);
      } catch (IOException | UncheckedIOException e) {
        complaints.add(directory + ": cannot be read: " + e);
        known.keySet().stream().filter(file -> file.startsWith(directory)).forEach(files::add);
      }
    }
    return files;
  }

  /** Returns the files of registries.conf in their order: those of a directory by their names. */
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

  /** Says whether a file is one of objects; hidden ones are those of mounts and editors. */
  private static boolean isObjects(Path directory, Path file) {
    if (file.equals(directory)) {
      return Files.isRegularFile(file);
    }
    String name = file.getFileName().toString();
    boolean isHidden = false;
    for (Path part : directory.relativize(file)) {
      isHidden |= part.toString().startsWith(".");
    }
    return !isHidden
        && ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1))
        && Files.isRegularFile(file);
  }

  private Content read(Path file) throws IOException {
    if (confFiles.contains(file)) {
      RegistriesConf conf = RegistriesConf.parse(Files.readString(file), file.toString());
      return new Content(Resources.NONE, Optional.of(conf), Optional.empty());
    }
    if (settings.pullSecret().filter(file::equals).isPresent()) {
      return new Content(Resources.NONE, Optional.empty(), Optional.of(secret(file)));
    }
    Resources resources = Resources.read(file);
    resources.secrets().stream()
        .filter(secret -> PullSecret.isPullSecret(secret.type()))
        .forEach(Rules::keyring); // refused here, where the file is known
    return new Content(resources, Optional.empty(), Optional.empty());
  }

  /**
   * Reads a docker configuration file, or a Secret that has one in it, once.
   *
   * @throws ConfigException if it cannot be read, or is neither
   */
  public static Keyring readSecret(Path file) {
    try {
      return secret(file);
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e);
    }
  }

  private static Keyring secret(Path file) throws IOException {
    String text = Files.readString(file);
    boolean isObject =
        text.contains("apiVersion")
            && Section.parseAll(text, file.toString()).stream()
                .anyMatch(document -> document.text("kind").isPresent());
    if (!isObject) {
      return DockerConfig.read(file);
    }
    List<Resources.Secret> secrets = Resources.parse(text, file.toString()).secrets();
    if (secrets.size() != 1) {
      throw new ConfigException(
          file + ": one Secret is expected, not " + secrets.size() + "; or a docker config.json");
    }
    return Rules.keyring(secrets.getFirst());
  }
}
