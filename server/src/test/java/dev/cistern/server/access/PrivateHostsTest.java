package dev.cistern.server.access;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivateHostsTest {
  private static final PrivateHosts HOSTS =
      new PrivateHosts(List.of("mirror.example.com", "other.example.com:5000"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "localhost:5000",
        "LOCALHOST:5000",
        "cistern",
        "cistern:5000",
        "a.localhost",
        "a.b.localhost:1",
        "host.docker.internal:5000",
        "host.containers.internal",
        "cistern.team-a.internal",
        "127.0.0.1",
        "127.0.0.1:5000",
        "0.0.0.0",
        "192.168.1.20:80",
        "255.255.255.255",
        "[::1]",
        "[::1]:5000",
        "[::]",
        "[2001:db8::1]",
        "[2001:DB8::1]",
        "[fe80::1:2:3:4]",
        "[1:2:3:4:5:6:7:8]",
        "[1:0:3:4:5:6:7:8]",
        "[1:0:0:4::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "mirror.example.com",
        "mirror.example.com:443",
        "Mirror.Example.Com",
        "other.example.com",
        "other.example.com:5000",
        "under_score",
        "1a"
      })
  void publicDnsCannotPointTheseHere(String host) {
    assertThat(HOSTS.contains(host)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":5000",
        "evil.example",
        "evil.example:5000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example.com",
        "xmirror.example.com",
        "mirror.example.com.",
        "mirror.example.com.evil.example",
        "localhost.",
        "a.localhost.",
        "ai.",
        ".localhost",
        "a..localhost",
        "evillocalhost.example",
        "localhost.example",
        "internal.example",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127.0.0.01",
        "127.0.0.256",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "0x",
        "2130706433",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "a.1",
        "[::1",
        "::1",
        "[]",
        "[127.0.0.1]",
        "[localhost]",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]",
        "[1:0:0:4:0:0:0:8]x",
        "[::1]x",
        "[::1]:x",
        "[::1%25lo]",
        "[::1%lo]",
        "[1:2:3:4:5:6:7::]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::ffff:7f00:0001]",
        "localhost:5000:5000",
        "localhost:port",
        "localhost:123456",
        "user@localhost.example",
        "localhost,evil.example"
      })
  void theseMayBePublicOrNoNameAtAll(String host) {
    assertThat(HOSTS.contains(host)).isFalse();
  }
}
