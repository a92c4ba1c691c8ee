package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Platform;
import dev.cistern.server.streams.ImportSettings;
import dev.cistern.server.streams.PruneSettings;
import dev.cistern.server.streams.StreamSettings;
import dev.cistern.server.webhooks.WebhookSettings;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the configuration says of image streams. */
class StreamsConfigTest {
  private static final String KEY = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n";

  @TempDir private Path directory;

  @Test
  void withoutKeysItIsTheUsual() {
    assertThat(parse("").streams()).isEqualTo(StreamSettings.USUAL);
    assertThat(parse("").webhooks()).isEmpty();
  }

  @Test
  void everyKeyIsRead() throws IOException {
    Path secret = Files.writeString(directory.resolve("key"), KEY);
    Config config =
        parse(
            """
            imports: {interval: 5m, perMinute: 10, mostTags: 7, prefetch: [linux/arm64]}
            prune: {every: 12h, keepYoungerThan: 30d, keepTagRevisions: 5}
            webhooks:
            - {url: "https://ci.example.com/images", secret: %1$s, namespaces: [team]}
            - {url: "http://127.0.0.1:8080", secret: %1$s}
            """
                .formatted(secret));

    assertThat(config.streams())
        .isEqualTo(
            new StreamSettings(
                new ImportSettings(Duration.ofMinutes(5), 10, 7),
                Optional.of(List.of(Platform.parse("linux/arm64"))),
                new PruneSettings(Duration.ofDays(30), 5, Optional.empty()),
                Optional.of(Duration.ofHours(12))));
    assertThat(config.webhooks())
        .containsExactly(
            new WebhookSettings(
                URI.create("https://ci.example.com/images"), secret, Set.of("team")),
            new WebhookSettings(URI.create("http://127.0.0.1:8080"), secret, Set.of()));
  }

  @Test
  void allTagsAndAllPlatformsCanBeMeant() {
    StreamSettings streams = parse("imports: {mostTags: -1, prefetch: [all]}").streams();

    assertThat(streams.imports().mostTags()).isEqualTo(-1);
    assertThat(streams.prefetch()).contains(List.of());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "imports: {interval: 0s}        | c.yaml:1: imports.interval: a duration of more than 0",
        "imports: {perMinute: 0}        | c.yaml:1: imports.perMinute: a number from 1 to 1000000",
        "imports: {mostTags: -2}        | c.yaml:1: imports.mostTags: a number from 1 to 1000000",
        "imports: {prefetch: [arm64]}   | c.yaml:1: imports.prefetch: ",
        "prune: {every: 0s}             | c.yaml:1: prune.every: a duration of more than 0",
        "prune: {keepTagRevisions: 0}   | c.yaml:1: prune.keepTagRevisions: a number from 1",
        "prune: {keep: 1}               | c.yaml:1: prune.keep: unknown key",
        "webhooks: [{secret: /none}]    | c.yaml:1: webhooks[0].url: the key is missing",
        "webhooks: [{url: 'ftp://a'}]   | c.yaml:1: webhooks[0].url: a URL such as",
        "webhooks: [{url: 'http://u:p@a'}] | webhooks[0].url: a URL such as",
        "webhooks: [{url: 'http://a'}]  | c.yaml:1: webhooks[0].secret: the key is missing",
        "webhooks: [{url: 'http://a', secret: /none}] | the file /none cannot be read",
      })
  void refusesWithFileLineAndKey(String yaml, String complaint) {
    assertThatThrownBy(() -> parse(yaml))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint)
        .hasMessageNotContaining("u:p");
  }

  @Test
  void refusesAKeyThatIsNoneWithoutShowingIt() throws IOException {
    Path secret = Files.writeString(directory.resolve("key"), "whsec_c2hvcnQ=");

    assertThatThrownBy(() -> parse("webhooks: [{url: 'http://a', secret: " + secret + "}]"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("whsec_ and 24 to 64 bytes in base64 are expected, on one line")
        .hasMessageNotContaining("c2hvcnQ");
  }

  @Test
  void refusesTwoWebhooksOfOneUrl() throws IOException {
    Path secret = Files.writeString(directory.resolve("key"), KEY);
    String one = "{url: 'http://a', secret: " + secret + "}";

    assertThatThrownBy(() -> parse("webhooks: [" + one + ", " + one + "]"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("webhooks: two have one url");
  }

  /** What docs/configuration.md shows as the keys, with files that are there. */
  @Test
  void theDocumentShowsWhatIsTaken() throws IOException {
    String document = Files.readString(Path.of("..", "docs", "configuration.md"));
    String block = document.substring(document.indexOf("imports: "), document.indexOf("absence: "));
    Path secret = Files.writeString(directory.resolve("webhook.key"), KEY);

    Config config = parse(block.replace("/etc/cistern/webhook.key", secret.toString()));

    assertThat(config.streams().imports()).isEqualTo(ImportSettings.USUAL);
    assertThat(config.streams().prune()).isEqualTo(PruneSettings.USUAL);
    assertThat(config.webhooks()).hasSize(1);
  }

  private static Config parse(String yaml) {
    return new ConfigDraft().parse(yaml, "c.yaml").config();
  }
}
