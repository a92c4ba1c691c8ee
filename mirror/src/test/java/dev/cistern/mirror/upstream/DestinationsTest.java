package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.stream.Stream;
import org.apache.hc.client5.http.DnsResolver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationsTest {
  private static final Optional<HttpProxy.Login> NO_LOGIN = Optional.empty();
  private final Destinations destinations =
      new Destinations(
          TrustedPlaces.of(List.of("10.1.2.3:5000", "[fd00::1]", "Registry.Internal")),
          List.of(new HttpProxy("10.9.9.9", 3128, NO_LOGIN)),
          new PrivateNames());

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.4",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "::ffff:127.0.0.1",
        "localhost",
        "240.0.0.1",
        "255.255.255.255",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::",
        "::127.0.0.1"
      })
  void privateAddressesThatAreNotListedAreRefused(String host) {
    assertThatThrownBy(() -> destinations.resolve(host))
        .isInstanceOf(UnknownHostException.class)
        .hasMessageContaining("private address");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "8.8.8.8",
        "100.128.0.1",
        "172.32.0.1",
        "2001:4860:4860::8888",
        "64:ff9b::808:808"
      })
  void publicAddressesAreNot(String host) throws UnknownHostException {
    assertThat(destinations.resolve(host)).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.2.3, 5000, true",
    "10.1.2.3, 443, false",
    "10.1.2.3, 80, false",
    "10.1.2.3, 5001, false",
    "fd00::1, 443, true",
    "fd00::1, 80, true",
    "fd00::1, 5000, false",
    "registry.internal, 443, true",
    "REGISTRY.internal., 443, true",
    "registry.internal, 8443, false",
    "other.internal, 443, false"
  })
  void aHostIsTrustedOnItsPortOnly(String host, int port, boolean isTrusted)
      throws UnknownHostException {
    if (isTrusted) {
      assertThat(destinations.resolve(host, port)).isNotEmpty();
    } else {
      String entry = TrustedPlaces.entry(host, port);
      assertThat(entry).isEqualTo(port == 443 || port == 80 ? host : host(host) + ":" + port);
      assertThatThrownBy(() -> destinations.resolve(host, port))
          .isInstanceOf(UnknownHostException.class)
          .hasMessageContaining("add " + entry + " to its trustedHosts");
    }
  }

  private static String host(String host) {
    return host.contains(":") ? "[" + host + "]" : host;
  }

  @ParameterizedTest
  @CsvSource({
    "https://registry.internal/, true",
    "http://registry.internal/, true",
    "https://registry.internal:443/, true",
    "https://registry.internal:80/, false",
    "http://registry.internal:443/, false",
    "https://10.1.2.3:5000/, true",
    "http://10.1.2.3:5000/, true",
    "https://10.1.2.3/, false"
  })
  void anEntryWithoutAPortIsTheSchemesUsualPort(URI uri, boolean isTrusted)
      throws UnknownHostException {
    assertThat(TrustedPlaces.of(List.of("10.1.2.3:5000", "registry.internal")).has(uri))
        .isEqualTo(isTrusted);
    if (isTrusted) {
      destinations.checkDirect(uri);
      destinations.checkProxied(uri);
    } else if (uri.getHost().equals("registry.internal")) {
      assertThatThrownBy(() -> destinations.checkDirect(uri))
          .hasMessageContaining("private address");
    } else {
      assertThatThrownBy(() -> destinations.checkProxied(uri))
          .hasMessageContaining("add 10.1.2.3 to its trustedHosts");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "http://a.internal, http://a.internal:80/x, true",
    "http://a.internal, https://a.internal/x, false",
    "https://a.internal, https://A.internal:443/x, true",
    "https://a.internal:5000, https://a.internal:5001/x, false",
    "https://[fd00::2]:5000, https://[fd00::2]:5000/x, true"
  })
  void anEndpointIsTrustedOnItsOwnPortOnly(URI endpoint, URI other, boolean isTrusted) {
    assertThat(TrustedPlaces.of(List.of()).and(endpoint).has(other)).isEqualTo(isTrusted);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "10.0.0.1.",
        "127.1",
        "0x7f000001",
        "0177.0.0.1",
        "2130706433",
        "010.0.0.1",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "[64:ff9b::7f00:1]"
      })
  void privateAddressesAreRefusedThroughAProxyToo(String host) {
    var uri = URI.create("https://" + host + "/");
    if (uri.getHost() == null) {
      assertThat(Destinations.isPlace(uri)).as("it is not asked at all").isFalse();
      return;
    }
    assertThatThrownBy(() -> destinations.checkProxied(uri))
        .isInstanceOf(UnknownHostException.class)
        .hasMessageContaining("to its trustedHosts if that is meant");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"8.8.8.8", "a.example.com", "10.1.2.3:5000", "[fd00::1]", "10.example.com"})
  void namesAreLeftToTheProxy(String place) {
    assertThatCode(() -> destinations.checkProxied(URI.create("https://" + place + "/")))
        .doesNotThrowAnyException();
  }

  @Test
  void aProxyMayBeAnywhereButOnItsPortOnly() throws UnknownHostException {
    assertThat(destinations.resolve("10.9.9.9", 3128)).hasSize(1);
    assertThatThrownBy(() -> destinations.resolve("10.9.9.9", 3129))
        .isInstanceOf(UnknownHostException.class);
  }

  @Test
  void aNameThatChangesItsAddressIsCheckedEachTimeAndDialledWhereItWasChecked() throws IOException {
    var answers = new ArrayDeque<>(List.of("9.9.9.7", "127.0.0.1", "9.9.9.7,127.0.0.1"));
    var rebinding =
        new Destinations(TrustedPlaces.of(List.of()), List.of(), new Rebinding(answers));

    assertThat(rebinding.resolve("tokens.example.com", 443))
        .containsExactly(new InetSocketAddress("9.9.9.7", 443));
    assertThat(answers).as("asked once").hasSize(2);
    assertThatThrownBy(() -> rebinding.resolve("tokens.example.com", 443))
        .hasMessageContaining("tokens.example.com is on the private address 127.0.0.1");
    assertThatThrownBy(() -> rebinding.resolve("tokens.example.com", 443))
        .as("one private address among several")
        .hasMessageContaining("private address");
  }

  /** A name server that knows private names, and reads addresses. */
  private static final class PrivateNames implements DnsResolver {
    @Override
    public InetAddress[] resolve(String host) throws UnknownHostException {
      String name = host.toLowerCase(Locale.ROOT);
      return name.contains(".internal")
          ? new InetAddress[] {InetAddress.ofLiteral("10.7.7.7")}
          : InetAddress.getAllByName(name);
    }

    @Override
    public String resolveCanonicalHostname(String host) {
      return host;
    }
  }

  /** A name server that answers something else each time. */
  private record Rebinding(Queue<String> answers) implements DnsResolver {
    @Override
    public InetAddress[] resolve(String host) {
      return Stream.of(answers.remove().split(","))
          .map(InetAddress::ofLiteral)
          .toArray(InetAddress[]::new);
    }

    @Override
    public String resolveCanonicalHostname(String host) {
      return host;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "https://A.example.com/x, a.example.com",
    "https://a.example.com:443, a.example.com",
    "https://a.example.com:80, a.example.com:80",
    "http://a.example.com:80, a.example.com",
    "http://a.example.com:443, a.example.com:443",
    "http://[::1]:80, [::1]",
    "http://[::1]:5000, [::1]:5000"
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
