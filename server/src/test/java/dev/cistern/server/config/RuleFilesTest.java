package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.mirror.rules.MirrorSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RuleFilesTest {
  private static final FileTime LONG_AGO = FileTime.from(Instant.EPOCH);

  @TempDir private Path directory;

  private Path objects;
  private Path secret;
  private RuleFiles files;

  @BeforeEach
  void open() throws IOException {
    objects = Files.createDirectory(directory.resolve("objects"));
    secret = directory.resolve("secret.json");
    files =
        new RuleFiles(
            new ResourceSettings(
                Set.of(),
                List.of(objects),
                List.of(),
                Optional.of(auths("one.example")),
                Set.of(),
                Optional.empty(),
                Set.of()));
  }

  @Test
  void aFileOfTheSameSizeAndTimeIsReadAgainWhileItIsYoung() throws IOException {
    Path file = write("a.yaml", idms("one.example"));
    FileTime now = FileTime.from(Instant.now());
    Files.setLastModifiedTime(file, now);
    assertThat(files.refresh().isChanged()).isTrue();

    write("a.yaml", idms("two.example"));
    Files.setLastModifiedTime(file, now);
    assertThat(files.refresh().isChanged()).isTrue();
    assertThat(mirrors()).containsExactly("two.example");
  }

  @Test
  void whatIsReadAgainAndTheSameIsNoChange() throws IOException {
    Path file = write("a.yaml", idms("one.example"));
    assertThat(files.refresh()).isEqualTo(new RuleFiles.Refreshed(true, List.of()));
    assertThat(files.refresh()).isEqualTo(new RuleFiles.Refreshed(false, List.of()));

    Files.setLastModifiedTime(file, LONG_AGO);
    Files.setLastModifiedTime(secret, LONG_AGO);
    assertThat(files.refresh()).isEqualTo(new RuleFiles.Refreshed(false, List.of()));
    auths("two.example");
    assertThat(files.refresh()).isEqualTo(new RuleFiles.Refreshed(true, List.of()));
  }

  @Test
  void aBadFileIsComplainedOfOnceAndWhatItSaidStays() throws IOException {
    write("a.yaml", idms("one.example"));
    files.refresh();

    write("a.yaml", idms("http://no"));
    RuleFiles.Refreshed refreshed = files.refresh();
    assertThat(refreshed.isChanged()).isFalse();
    assertThat(refreshed.complaints())
        .singleElement()
        .asString()
        .contains("a.yaml:6: spec.imageDigestMirrors[0].mirrors", "\"http://no\"");
    assertThat(files.refresh().complaints()).isEmpty();
    assertThat(mirrors()).containsExactly("one.example");
  }

  @Test
  void hiddenFilesAndDirectoriesAndOtherEndingsAreLeftAlone() throws IOException {
    write(".a.yaml", "[");
    write("a.yaml~", "[");
    write("README", "[");
    Files.createDirectory(objects.resolve("..data"));
    write("..data/a.yaml", "[");
    Files.createDirectory(objects.resolve("below"));
    write("below/a.json", idms("one.example"));
    Files.createSymbolicLink(objects.resolve("dangling.yaml"), Path.of("nowhere"));
    Files.createSymbolicLink(objects.resolve("below/empty.yaml"), Path.of("../../nowhere"));

    assertThat(files.refresh()).isEqualTo(new RuleFiles.Refreshed(true, List.of()));
    assertThat(mirrors()).containsExactly("one.example");
  }

  @Test
  void aFileThatMustBeThereIsNamedAndStaysInForce() throws IOException {
    files.refresh();
    Files.delete(secret);

    RuleFiles.Refreshed refreshed = files.refresh();
    assertThat(refreshed.isChanged()).isFalse();
    assertThat(refreshed.complaints())
        .singleElement()
        .asString()
        .startsWith(secret + ": cannot be read");
    assertThat(files.rules().pullSecret().entry("one.example", "")).isPresent();
  }

  @Test
  void aBadPullSecretOfTheObjectsIsNamedWithItsFile() throws IOException {
    write(
        "secret.yaml",
        """
        {apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config},
         type: kubernetes.io/dockerconfigjson, stringData: {other: s3cret}}
        """);

    assertThat(files.refresh().complaints())
        .singleElement()
        .asString()
        .startsWith(objects.resolve("secret.yaml") + ": secret openshift-config/pull-secret: ")
        .doesNotContain("s3cret");
  }

  @Test
  void aFileThatIsNotUtf8IsNamed() throws IOException {
    Files.write(objects.resolve("a.yaml"), new byte[] {'a', ':', (byte) 0xff});

    assertThat(files.refresh().complaints())
        .containsExactly(objects.resolve("a.yaml") + ": not UTF-8");
  }

  private List<String> mirrors() {
    return files.rules().mirrorSets().stream()
        .map(MirrorSet::entries)
        .flatMap(List::stream)
        .map(MirrorSet.Entry::mirrors)
        .flatMap(List::stream)
        .toList();
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(objects.resolve(name), text);
  }

  private Path auths(String host) throws IOException {
    return Files.writeString(secret, "{\"auths\":{\"" + host + "\":{\"auth\":\"YTpi\"}}}");
  }

  private static String idms(String mirror) {
    return """
    apiVersion: config.openshift.io/v1
    kind: ImageDigestMirrorSet
    spec:
      imageDigestMirrors:
      - source: source.example
        mirrors: [%s]
    """
        .formatted(mirror);
  }
}
