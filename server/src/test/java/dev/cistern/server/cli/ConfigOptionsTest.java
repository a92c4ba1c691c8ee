package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.ConfigException;
import java.util.List;
import java.util.Map;
import org.apache.commons.cli.ParseException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigOptionsTest {
  @Test
  void theEnvironmentsProxyIsForAllUpstreams() throws ParseException {
    Config config = read(Map.of("HTTPS_PROXY", "http://proxy:3128", "NO_PROXY", "quay.io"));

    for (UpstreamSettings upstream : config.upstreams()) {
      assertThat(upstream.connection().proxies().proxyFor(upstream.endpoint()).isPresent())
          .as(upstream.name())
          .isEqualTo(!upstream.name().equals("quay.io"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "HTTPS_PROXY, socks5://user:s3cret@proxy:1, HTTPS_PROXY: http://[user:password@]host:port",
    "all_proxy, https://user:s3cret@proxy:1, all_proxy: http://[user:password@]host:port",
    "NO_PROXY, 10.0.0.0/40, NO_PROXY: 10.0.0.0/40 is neither a host",
  })
  void aProxyThatCannotBeUsedIsRefused(String variable, String value, String complaint) {
    assertThatThrownBy(() -> read(Map.of("http_proxy", "http://proxy:1", variable, value)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint)
        .hasMessageNotContaining("s3cret");
  }

  private static Config read(Map<String, String> environment) throws ParseException {
    return ConfigOptions.read(Main.parse(new CheckCommand(), List.of()), environment);
  }
}
