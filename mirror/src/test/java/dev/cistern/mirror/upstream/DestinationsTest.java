package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.net.UnknownHostException;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationsTest {
  private final Destinations destinations = new Destinations(Set.of("10.1.2.3:5000", "[fd00::1]"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.1.2.4", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "::1", "::", "fe80::1",
        "fc00::1", "fd12::1", "::ffff:127.0.0.1", "localhost"
      })
  void privateAddressesThatAreNotListedAreRefused(String host) {
    assertThatThrownBy(() -> destinations.resolve(host))
        .isInstanceOf(UnknownHostException.class)
        .hasMessageContaining("private address");
  }

  @ParameterizedTest
  @ValueSource(strings = {"8.8.8.8", "100.128.0.1", "172.32.0.1", "2001:4860:4860::8888"})
  void publicAddressesAreNot(String host) throws UnknownHostException {
    assertThat(destinations.resolve(host)).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.1.2.3", "fd00::1"})
  void listedHostsMayBeAnywhere(String host) throws UnknownHostException {
    assertThat(destinations.resolve(host)).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "https://A.example.com/x, a.example.com",
    "https://a.example.com:443, a.example.com",
    "https://a.example.com:80, a.example.com:80",
    "http://a.example.com:80, a.example.com",
    "http://a.example.com:443, a.example.com:443"
  })
  void anOriginHasNoDefaultPort(URI uri, String origin) {
    assertThat(Destinations.origin(uri)).isEqualTo(origin);
  }

  @Test
  void schemesAreNotPartOfIt() {
    assertThat(Destinations.origin(URI.create("http://a")))
        .isEqualTo(Destinations.origin(URI.create("https://a")));
  }
}
