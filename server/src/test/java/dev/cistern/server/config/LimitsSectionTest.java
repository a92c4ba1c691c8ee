package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.server.http.HttpLimits;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class LimitsSectionTest {
  @Test
  void whatIsNotSaidIsUsual() {
    assertThat(new ConfigDraft().config().clients()).isEqualTo(HttpLimits.USUAL);
    assertThat(read("{}")).isEqualTo(HttpLimits.USUAL);
  }

  @Test
  void allKeysAreTaken() {
    assertThat(
            read(
                "{connections: 50, connectionsPerClient: 40, requestsPerClient: 30,"
                    + " handshake: 1s, header: 2s, idle: 3s, memory: 20MiB}"))
        .isEqualTo(
            new HttpLimits(
                50,
                40,
                30,
                Duration.ofSeconds(1),
                Duration.ofSeconds(2),
                Duration.ofSeconds(3),
                20 << 20));
  }

  @Test
  void oneClientMayHaveAllConnectionsUnlessItIsSaid() {
    assertThat(read("{connections: 7}").connectionsPerClient()).isEqualTo(7);
  }

  @Test
  void badValuesAreRefused() {
    assertRefused("{connections: 0}", "limits.connections: a number from 1 to 1000000");
    assertRefused("{connections: 5, connectionsPerClient: 6}", "a number from 1 to 5 is expected");
    assertRefused("{requestsPerClient: many}", "limits.requestsPerClient: a number");
    assertRefused("{header: 0s}", "limits.header: a duration of more than 0");
    assertRefused("{idle: 5}", "limits.idle: a duration such as 500ms");
    assertRefused("{memory: 15MiB}", "limits.memory: at least 16 MiB and at most the heap");
    assertRefused("{memory: 100TiB}", "limits.memory: at least 16 MiB and at most the heap");
    assertRefused("{memory: 5}", "limits.memory: a size such as 500GiB is expected");
    assertRefused("{queue: 5}", "limits.queue: unknown key");
  }

  private static void assertRefused(String limits, String complaint) {
    assertThatThrownBy(() -> read(limits))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint);
  }

  private static HttpLimits read(String limits) {
    return new ConfigDraft().parse("limits: " + limits, "cistern.yaml").config().clients();
  }
}
