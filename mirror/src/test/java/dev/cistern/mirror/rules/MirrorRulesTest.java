package dev.cistern.mirror.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MirrorRulesTest {
  private static final List<MirrorRules.Registry> UPSTREAMS =
      List.of(
          new MirrorRules.Registry("docker.io", "docker.io", 1, 1, false),
          new MirrorRules.Registry("quay.io", "quay.io", 1, 1, false),
          new MirrorRules.Registry("localhost:5000", "near", 1, 0, false),
          new MirrorRules.Registry("many.example", "many", 2, 2, true));

  private final MirrorRules rules = new MirrorRules(UPSTREAMS, Optional.empty());

  @ParameterizedTest
  @CsvSource({
    "quay.io/org/app,            quay.io/org/app,          quay.io,   org/app",
    "docker.io/library/alpine,   docker.io/library/alpine, docker.io, library/alpine",
    "docker.io/alpine,           docker.io/library/alpine, docker.io, library/alpine",
    "index.docker.io/alpine,     docker.io/library/alpine, docker.io, library/alpine",
    "registry-1.docker.io/a/b,   docker.io/a/b,            docker.io, a/b",
    "near/team/app,              near/team/app,            near,      team/app",
    "quay.io/alpine,             quay.io/alpine,           quay.io,   alpine"
  })
  void aFirstComponentThatIsAnUpstream(
      String name, String kept, String upstream, String repository) {
    assertThat(rules.locate(new RepositoryName(name), Optional.empty()))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(location(kept, upstream, repository, Optional.empty()));
  }

  @ParameterizedTest
  @CsvSource({
    "docker.io,       library/alpine, docker.io/library/alpine, docker.io, library/alpine",
    "docker.io,       alpine,         docker.io/library/alpine, docker.io, library/alpine",
    "Index.Docker.io, alpine,         docker.io/library/alpine, docker.io, library/alpine",
    "localhost:5000,  team/app,       near/team/app,            near,      team/app",
    "quay.io,         quay.io/app,    quay.io/quay.io/app,      quay.io,   quay.io/app"
  })
  void theNamespaceParameter(
      String namespace, String name, String kept, String upstream, String repository) {
    assertThat(rules.locate(new RepositoryName(name), Optional.of(namespace)))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(location(kept, upstream, repository, Optional.of(namespace)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"docker.io/team", "index.docker.io/team", "Registry-1.Docker.IO/team"})
  void theNamespaceParameterBelowAMirrorOfThisServer(String source) {
    var set =
        new MirrorSet(
            MirrorSet.Kind.DIGEST,
            List.of(new MirrorSet.Entry(source, List.of("own.example/copies/team"), false)));
    var withMirror =
        new MirrorRules(
            UPSTREAMS,
            Optional.empty(),
            RegistriesConf.EMPTY,
            List.of(set),
            List.of("own.example"),
            List.of());

    assertThat(
            withMirror
                .locate(new RepositoryName("copies/team/app"), Optional.of("docker.io"))
                .repository())
        .isEqualTo(new RepositoryName("docker.io/team/app"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "example.com",
        "169.254.169.254",
        "quay.io:443",
        "user@quay.io",
        "quay.io%2fa",
        "",
        "near",
        "quay.io/a",
        "http://quay.io"
      })
  void aNamespaceThatIsNotConfiguredIsRefused(String namespace) {
    assertThatThrownBy(() -> rules.locate(new RepositoryName("a"), Optional.of(namespace)))
        .isInstanceOfSatisfying(
            OciException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.NAME_UNKNOWN);
              assertThat(e.advice()).isPresent();
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"team/app", "app", "example.com/app", "quay.io"})
  void otherNamesAreLocal(String name) {
    assertThat(rules.locate(new RepositoryName(name), Optional.empty()))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(
            new Location(
                new RepositoryName(name),
                List.of(),
                List.of(),
                Optional.empty(),
                "",
                Optional.empty(),
                Optional.empty()));
  }

  @Test
  void theDefaultUpstreamFillsOtherNamesUnderTheirOwnName() {
    var withDefault = new MirrorRules(UPSTREAMS, Optional.of("docker.io"));

    assertThat(withDefault.locate(new RepositoryName("alpine"), Optional.empty()))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(location("alpine", "docker.io", "library/alpine", Optional.empty()));
    assertThat(withDefault.locate(new RepositoryName("team/app"), Optional.empty()))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(location("team/app", "docker.io", "team/app", Optional.empty()));
    assertThat(withDefault.locate(new RepositoryName("quay.io/app"), Optional.empty()))
        .usingRecursiveComparison()
        .ignoringFields("rule")
        .isEqualTo(location("quay.io/app", "quay.io", "app", Optional.empty()));
  }

  @Test
  void anUpstreamWithSeveralEndpointsHasASourceForEach() {
    Location location = rules.locate(new RepositoryName("many/team/app"), Optional.empty());

    assertThat(location.sources()).extracting(PullSource::name).containsExactly("many", "many#2");
    assertThat(location.sources(Digest.of(new byte[0]))).isEqualTo(location.sources());
    assertThat(location.sources(new Tag("v1"))).as("it is for digests only").isEmpty();
  }

  @Test
  void aMirrorThatMakesNoNameIsLeftOut() {
    Location location =
        mirrored("source.example/team/app", "mirror.example")
            .locate(new RepositoryName("source.example/team/app"), Optional.empty());

    assertThat(location.sources()).extracting(PullSource::name).containsExactly("source.example");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"wild.example", "a.wild.example:80:90", "a b.wild.example", "u@a.wild.example"})
  void whatIsNoHostBelowAWildcardIsUnknown(String host) {
    MirrorRules wild = mirrored("*.wild.example", "mirror.example/all");

    assertThatThrownBy(() -> wild.locate(new RepositoryName("app"), Optional.of(host)))
        .isInstanceOf(OciException.class);
    assertThat(wild.locate(new RepositoryName("app"), Optional.of("a.wild.example")).sources())
        .extracting(PullSource::name)
        .containsExactly("mirror.example", "a.wild.example");
  }

  @ParameterizedTest
  @CsvSource({
    "copies/app,          ''",
    "copies/app/part,     ''",
    "source.example/app,  ''",
    "app,                 source.example"
  })
  void thisServerIsLeftOutOfItsOwnListOfMirrors(String name, String namespace) {
    MirrorRules here = mirrored("source.example", "self.example:5000/copies", "other.example/all");

    Location location =
        here.locate(
            new RepositoryName(name), Optional.of(namespace).filter(host -> !host.isEmpty()));

    assertThat(location.sources())
        .extracting(PullSource::name)
        .containsExactly("other.example", "source.example");
  }

  @Test
  void aRequestForTheMirrorsPathIsOneForTheSource() {
    MirrorRules here = mirrored("source.example/ns", "self.example:5000/copies");

    assertThat(here.locate(new RepositoryName("copies/app"), Optional.empty()).sources())
        .extracting(source -> source.name() + "/" + source.repository())
        .containsExactly("source.example/ns/app");
    assertThat(here.locate(new RepositoryName("copies2/app"), Optional.empty()).sources())
        .isEmpty();
  }

  private static MirrorRules mirrored(String source, String... mirrors) {
    var set =
        new MirrorSet(
            MirrorSet.Kind.DIGEST, List.of(new MirrorSet.Entry(source, List.of(mirrors), false)));
    return new MirrorRules(
        UPSTREAMS,
        Optional.empty(),
        RegistriesConf.merge(List.of(set), List.of(), List.of()),
        List.of(set),
        List.of("self.example:5000"),
        List.of());
  }

  private static Location location(
      String kept, String upstream, String repository, Optional<String> namespace) {
    return new Location(
        new RepositoryName(kept),
        List.of(),
        List.of(
            new PullSource(
                upstream,
                0,
                new RepositoryName(repository),
                PullFrom.ALL,
                false,
                false,
                Optional.empty())),
        namespace,
        "",
        Optional.empty(),
        Optional.empty());
  }
}
