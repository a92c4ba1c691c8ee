package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PullSpecTest {
  private static final String HEX = "0123456789abcdef".repeat(4);

  @ParameterizedTest
  @CsvSource({
    "busybox, docker.io, busybox, latest",
    "busybox:1.36, docker.io, busybox, 1.36",
    "library/busybox, docker.io, library/busybox, latest",
    "team/app/web:v1, docker.io, team/app/web, v1",
    "quay.io/team/app, quay.io, team/app, latest",
    "quay.io/app:v1, quay.io, app, v1",
    "localhost/app, localhost, app, latest",
    "localhost:5000/app, localhost:5000, app, latest",
    "registry:5000/team/app:v1, registry:5000, team/app, v1",
    "127.0.0.1/app, 127.0.0.1, app, latest",
    "[::1]:5000/app:v1, [::1]:5000, app, v1",
    "registry:5000, docker.io, registry, 5000"
  })
  void isReadAsPeopleWriteIt(String text, String host, String repository, String tag) {
    PullSpec spec = PullSpec.parse(text);

    assertThat(spec.host()).isEqualTo(host);
    assertThat(spec.repository()).hasToString(repository);
    assertThat(spec.tagOrLatest()).hasToString(tag);
    assertThat(spec.digest()).isEmpty();
    assertThat(spec).hasToString(text);
  }

  @Test
  void aDigestIsRead() {
    Digest digest = Digest.parse("sha256:" + HEX);

    PullSpec spec = PullSpec.parse("quay.io/app@sha256:" + HEX);
    assertThat(spec.digest()).contains(digest);
    assertThat(spec.tag()).isEmpty();
    PullSpec both = PullSpec.parse("quay.io:443/app:v1@sha256:" + HEX);
    assertThat(both.digest()).contains(digest);
    assertThat(both.tag()).contains(new Tag("v1"));
    assertThat(both).hasToString("quay.io:443/app:v1@sha256:" + HEX);
  }

  @Test
  void tagAndDigestAreReplaced() {
    PullSpec spec = PullSpec.parse("quay.io/app:v1@sha256:" + HEX);

    assertThat(spec.bare()).hasToString("quay.io/app");
    assertThat(spec.with(new Tag("v2"))).hasToString("quay.io/app:v2");
    assertThat(spec.bare().with(Digest.parse("sha256:" + HEX)))
        .hasToString("quay.io/app@sha256:" + HEX);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "@",
        "/",
        "quay.io/",
        "/app",
        "quay.io//app",
        "App",
        "app:",
        "app:-x",
        "app:v1:v2",
        "app@",
        "app@sha256:",
        "app@sha256:12",
        "app@md5:00",
        "http://quay.io/app",
        "quay.io/app v1",
        "quay.io/app?x"
      })
  void whatIsNoneIsRefused(String text) {
    assertThatThrownBy(() -> PullSpec.parse(text)).isInstanceOf(OciException.class);
  }
}
