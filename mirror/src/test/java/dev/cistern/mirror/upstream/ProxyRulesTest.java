package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProxyRulesTest {
  private static final String DIRECT = "direct";

  @ParameterizedTest(name = "{0} and {1} for {2}: {3}")
  @CsvSource({
    "http_proxy=http://a:1, , http://x.io, a:1",
    "http_proxy=http://a:1, , https://x.io, direct",
    "HTTP_PROXY=http://a:1, , http://x.io, a:1",
    "https_proxy=http://a:1, , https://x.io, a:1",
    "HTTPS_PROXY=http://a:1, , https://x.io, a:1",
    "HTTPS_PROXY=http://a:1, , http://x.io, direct",
    "https_proxy=http://a:1, HTTPS_PROXY=http://b:1, https://x.io, a:1",
    "http_proxy=http://a:1, HTTP_PROXY=http://b:1, http://x.io, a:1",
    "http_proxy=, HTTP_PROXY=http://b:1, http://x.io, b:1",
    "all_proxy=http://a:1, , https://x.io, a:1",
    "ALL_PROXY=http://a:1, , http://x.io, a:1",
    "all_proxy=http://a:1, ALL_PROXY=http://b:1, http://x.io, a:1",
    "all_proxy=http://a:1, HTTPS_PROXY=http://b:1, https://x.io, b:1",
    "all_proxy=a:1, , https://x.io, a:1",
    "all_proxy=http://u:p@A.example:1/, , https://x.io, a.example:1",
    "all_proxy=http://[::1]:1, , https://x.io, [::1]:1",
  })
  void theEnvironmentNamesTheProxy(String one, @Nullable String other, URI uri, String expected) {
    var environment = new HashMap<String, String>();
    put(environment, one);
    if (other != null) {
      put(environment, other);
    }

    assertThat(proxy(ProxyRules.of(environment), uri)).isEqualTo(expected);
  }

  private static void put(Map<String, String> environment, String assignment) {
    int equals = assignment.indexOf('=');
    environment.put(assignment.substring(0, equals), assignment.substring(equals + 1));
  }

  @ParameterizedTest(name = "{0} for {1}: {2}")
  @CsvSource(
      delimiter = '|',
      value = {
        "''                          | https://x.io              | p:1",
        "x.io                        | https://x.io              | direct",
        "X.IO                        | https://x.io.             | direct",
        "x.io                        | https://a.x.io            | direct",
        "x.io                        | https://ax.io             | p:1",
        "x.io                        | https://x.io.example      | p:1",
        ".x.io                       | https://a.x.io            | direct",
        ".x.io                       | https://x.io              | direct",
        "*.x.io                      | https://a.x.io            | direct",
        "*                           | https://anything          | direct",
        "a.io,b.io                   | https://b.io              | direct",
        "a.io, b.io                  | https://b.io              | direct",
        "a.io b.io                   | https://b.io              | direct",
        "x.io:443                    | https://x.io              | direct",
        "x.io:443                    | https://x.io:5000         | p:1",
        "x.io:5000                   | https://x.io:5000         | direct",
        "x.io:80                     | http://x.io               | direct",
        "x.io                        | https://x.io:5000         | direct",
        "10.1.2.3                    | https://10.1.2.3          | direct",
        "10.1.2.3                    | https://10.1.2.30         | p:1",
        "10.1.2.3:5000               | https://10.1.2.3:5000     | direct",
        "10.1.2.3:5000               | https://10.1.2.3          | p:1",
        "10.0.0.0/8                  | https://10.255.1.2:1      | direct",
        "10.0.0.0/8                  | https://11.0.0.1          | p:1",
        "172.16.0.0/12               | https://172.31.0.1        | direct",
        "172.16.0.0/12               | https://172.32.0.1        | p:1",
        "200.200.200.128/25          | https://200.200.200.200   | direct",
        "200.200.200.128/25          | https://200.200.200.100   | p:1",
        "0.0.0.0/0                   | https://8.8.8.8           | direct",
        "0.0.0.0/0                   | https://x.io              | p:1",
        "0.0.0.0/0                   | https://[2001:db8::1]     | p:1",
        "2001:db8::1                 | https://[2001:db8::1]     | direct",
        "[2001:db8::1]               | https://[2001:db8:0::1]   | direct",
        "[2001:db8::1]:5000          | https://[2001:db8::1]:5000| direct",
        "[2001:db8::1]:5000          | https://[2001:db8::1]     | p:1",
        "2001:db8::/32               | https://[2001:db8:5::1]   | direct",
        "2001:db8::/32               | https://[2001:db9::1]     | p:1",
        "''                          | http://localhost:5000     | direct",
        "''                          | http://127.0.0.2          | direct",
        "''                          | http://[::1]:5000         | direct",
      })
  void noProxyNamesWhatIsReachedDirectly(String noProxy, URI uri, String expected) {
    for (String name : new String[] {"no_proxy", "NO_PROXY"}) {
      ProxyRules rules = ProxyRules.of(Map.of("all_proxy", "http://p:1", name, noProxy));

      assertThat(proxy(rules, uri)).isEqualTo(expected);
    }
  }

  @Test
  void theLowerCaseNoProxyWins() {
    ProxyRules rules =
        ProxyRules.of(Map.of("all_proxy", "http://p:1", "no_proxy", "a.io", "NO_PROXY", "b.io"));

    assertThat(proxy(rules, URI.create("https://a.io"))).isEqualTo(DIRECT);
    assertThat(proxy(rules, URI.create("https://b.io"))).isEqualTo("p:1");
  }

  @Test
  void anEnvironmentWithoutProxiesMeansNone() {
    assertThat(ProxyRules.of(Map.of("NO_PROXY", "/"))).isEqualTo(ProxyRules.DIRECT);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socks5://user:s3cret@a:1", "https://user:s3cret@a:1", "http://user:s3cret@a",
        "http://user:s3cret@a:70000", "http://user:s3cret@a:1/x", "user:s3cret@a b:1"
      })
  void refusesAProxyOfAnotherFormWithoutItsPassword(String value) {
    assertThatThrownBy(() -> ProxyRules.of(Map.of("HTTPS_PROXY", value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the environment's HTTPS_PROXY: http://[user:password@]host:port is expected");
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.0/33", "10.0.0.0/x", "x.io/8", "x.io:y", "a_b!c", "::/129"})
  void refusesAnExceptionOfAnotherForm(String entry) {
    assertThatThrownBy(
            () -> ProxyRules.of(Map.of("all_proxy", "http://p:1", "no_proxy", "a.io," + entry)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NO_PROXY: " + entry + " is neither");
  }

  @Test
  void aLoginIsDecodedAndNeverShown() {
    HttpProxy proxy = HttpProxy.parse("http://us%40er:p%3A+%C3%A4@a:1").orElseThrow();

    assertThat(proxy.login()).isEqualTo(Optional.of(new HttpProxy.Login("us@er", "p:+\u00e4")));
    assertThat(proxy.toString() + proxy.login()).doesNotContain("p:+");
    assertThat(ProxyRules.through(proxy).toString()).doesNotContain("p:+");
  }

  private static String proxy(ProxyRules rules, URI uri) {
    return rules.proxyFor(uri).map(HttpProxy::toString).orElse(DIRECT);
  }
}
