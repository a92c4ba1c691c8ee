package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.rules.PullFrom;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.RepositoryName;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Clients may name any number of hosts (where a rule has a wildcard) and repositories. */
class ManyNamesTest {
  @Test
  void ofHostsThatOnlyRulesNameSoManyStayOpenAsWereAskedLast() throws Exception {
    List<PullSource> sources =
        IntStream.range(0, 3_000).mapToObj(i -> source("host-" + i + ".example", "app")).toList();
    try (var upstreams =
        new Upstreams(
            List.of(TestSettings.of("listed.example", 0)),
            (host, isInsecure) -> TestSettings.of(host, 0),
            new NamespaceKeyrings(),
            InstantSource.system(),
            new MemoryBudget(MemoryBudget.MIN_BYTES))) {
      Upstream listed = upstreams.get(source("listed.example", "app"));
      List<Upstream> opened = sources.stream().map(upstreams::get).toList();

      assertThat(IntStream.range(0, opened.size()))
          .filteredOn(i -> upstreams.get(sources.get(i)) == opened.get(i))
          .hasSizeLessThanOrEqualTo(1_000);
      assertThat(upstreams.get(source("listed.example", "app"))).isSameAs(listed);
    }
  }

  @Test
  void soManyRefusalsAreRememberedAndNoMore() {
    var outages = new Outages(InstantSource.system());
    List<PullSource> sources =
        IntStream.range(0, 30_000).mapToObj(i -> source("one.example", "app-" + i)).toList();
    sources.forEach(source -> outages.note(source, new Answer.Refused<>("denied"), outages.now()));

    assertThat(sources)
        .filteredOn(source -> outages.reason(List.of(source)).isPresent())
        .hasSizeBetween(1, 10_000);
  }

  private static PullSource source(String host, String repository) {
    return new PullSource(
        host, 0, new RepositoryName(repository), PullFrom.ALL, false, false, Optional.empty());
  }
}
