package dev.cistern.server.webhooks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.streams.ImageStream;
import dev.cistern.storage.ObjectEdit;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class OutboxTest {
  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");
  private static final List<WebhookSettings> WEBHOOKS =
      List.of(new WebhookSettings(URI.create("http://127.0.0.1:1/"), Path.of("key"), Set.of()));
  private static final ImageStream STREAM =
      ImageStream.of(
          JsonMapper.shared()
              .readTree(
                  """
                  {"metadata": {"namespace": "team", "name": "app"},
                   "status": {"tags": [{"tag": "v1", "items": [
                     {"created": "2026-11-30T12:00:00Z", "dockerImageReference": "a/b:v1",
                      "image": "sha256:1", "generation": 1}]}]}}
                  """));

  /** Returns the name of the notice that a change at a time makes. */
  private static String notice(Outbox outbox) {
    List<ObjectEdit> edits = outbox.of(Optional.empty(), STREAM);
    assertThat(edits).hasSize(1);
    return edits.getFirst().name().name();
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT-1H", "PT0S", "PT5M", "P365D"})
  void aNoticeComesAfterThoseThatAreStoredWhateverTheClockWas(Duration ahead) {
    String stored = notice(new Outbox(WEBHOOKS, InstantSource.fixed(NOW.plus(ahead))));
    var restarted = new Outbox(WEBHOOKS, InstantSource.fixed(NOW));
    restarted.continueAfter(stored);

    String first = notice(restarted);
    String second = notice(restarted);

    assertThat(List.of(stored, first, second)).isSorted();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-", "x-1", "12345678901234567-1", "123456789012345x-1"})
  void aNameThatIsNoNoticesChangesNothing(String name) {
    var outbox = new Outbox(WEBHOOKS, InstantSource.fixed(NOW));
    outbox.continueAfter(name);

    assertThat(notice(outbox)).startsWith("1796040000000000-");
  }
}
