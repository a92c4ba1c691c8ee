package dev.cistern.mirror.rules;

import static dev.cistern.mirror.rules.MergeTest.merge;
import static dev.cistern.mirror.rules.MergeTest.never;
import static dev.cistern.mirror.rules.MergeTest.set;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.mirror.rules.MirrorSet.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** "Which changes drain a node", condition by condition. */
class DrainTest {
  private static final MirrorSet IDMS = set(Kind.DIGEST, "s.io", "m.io");
  private static final MirrorSet ITMS = set(Kind.TAG, "s.io", "m.io");

  @Test
  void creatingADigestSetDoesNotDrain() {
    assertThat(Drain.reasons(merge(), merge(IDMS))).isEmpty();
    assertThat(Drain.reasons(merge(IDMS), merge(IDMS, set(Kind.DIGEST, "t.io", "m.io")))).isEmpty();
    assertThat(Drain.reasons(merge(IDMS), merge(IDMS, set(Kind.DIGEST, "s.io", "n.io")))).isEmpty();
    assertThat(Drain.reasons(merge(ITMS), merge(ITMS, IDMS))).isEmpty();
    assertThat(Drain.reasons(merge(IDMS, ITMS), merge(ITMS, IDMS))).isEmpty();
  }

  @Test
  void creatingATagSetDrains() {
    assertThat(Drain.reasons(merge(), merge(ITMS)))
        .containsExactly(
            "The registry \"s.io\" was added, and its mirror \"m.io\" is not digest-only.");
    assertThat(Drain.reasons(merge(IDMS), merge(IDMS, ITMS)))
        .containsExactly(
            "The registry \"s.io\": its mirror \"m.io\" changed from digest-only to digest-only"
                + " and tag-only.");
    assertThat(Drain.reasons(merge(IDMS), merge(IDMS, set(Kind.TAG, "s.io", "n.io"))))
        .containsExactly(
            "The registry \"s.io\": its mirror \"n.io\" was added, with tag-only and not"
                + " digest-only.");
  }

  @Test
  void deletingAnySetDrains() {
    assertThat(Drain.reasons(merge(IDMS), merge()))
        .containsExactly("The registry \"s.io\" was removed.");
    assertThat(Drain.reasons(merge(ITMS), merge()))
        .containsExactly("The registry \"s.io\" was removed.");
    assertThat(Drain.reasons(merge(IDMS, ITMS), merge(IDMS)))
        .containsExactly(
            "The registry \"s.io\": its mirror \"m.io\" was removed where it is not digest-only.");
    assertThat(Drain.reasons(merge(IDMS, ITMS), merge(ITMS)))
        .containsExactly(
            "The registry \"s.io\": its mirror \"m.io\" was removed where it is not tag-only.");
  }

  @Test
  void changingASetDrains() {
    assertThat(Drain.reasons(merge(IDMS), merge(never(Kind.DIGEST, "s.io", "m.io"))))
        .containsExactly("The registry \"s.io\": its blocked changed from false to true.");
    assertThat(Drain.reasons(merge(IDMS), merge(set(Kind.DIGEST, "s.io", "n.io"))))
        .containsExactly("The registry \"s.io\": its mirror \"m.io\" was removed.");
  }

  @ParameterizedTest
  @CsvSource({
    "'a.io',      'a.io b.io', true",
    "'',          'a.io',      true",
    "'a.io b.io', 'a.io',      false",
    "'a.io b.io', 'b.io a.io', false",
    "'a.io',      'b.io a.io', false"
  })
  void searchRegistriesMayOnlyBeAppended(String before, String after, boolean isSafe) {
    List<String> reasons = Drain.reasons(search(before), search(after));

    assertThat(reasons.isEmpty()).isEqualTo(isSafe);
    assertThat(reasons)
        .allMatch(reason -> reason.startsWith("unqualified-search-registries changed from ["));
  }

  @ParameterizedTest
  @CsvSource({
    "location='x.io',                location='y.io',                location changed from x.io to",
    "location='x.io',                location='x.io';blocked=true,   blocked changed from false to",
    "location='x.io';insecure=true,  location='x.io',                insecure changed from true to"
  })
  void locationBlockedAndInsecureMayNotChange(String before, String after, String reason) {
    assertThat(Drain.reasons(registry(before), registry(after)))
        .singleElement()
        .asString()
        .startsWith("The registry \"s.io\": its " + reason)
        .endsWith(".");
  }

  @ParameterizedTest
  @CsvSource({
    "tag-only,    digest-only, true",
    "all,         digest-only, true",
    "'',          digest-only, true",
    "digest-only, all,         false",
    "digest-only, tag-only,    false",
    "digest-only, '',          false",
    "tag-only,    all,         false"
  })
  void pullFromMirrorMayOnlyChangeToDigestOnly(String before, String after, boolean isSafe) {
    assertThat(Drain.reasons(mirror(before), mirror(after)).isEmpty()).isEqualTo(isSafe);
  }

  @Test
  void aMirrorMayBeAddedToARegistryWithMirrorByDigestOnly() {
    String registry = "location='x.io';mirror-by-digest-only=true;[[registry.mirror]];location='m'";

    assertThat(
            Drain.reasons(
                registry(registry), registry(registry + ";[[registry.mirror]];location='n'")))
        .isEmpty();
    assertThat(Drain.reasons(registry("location='x.io'"), mirror("")))
        .containsExactly(
            "The registry \"s.io\": its mirror \"m.io\" was added, with no pull-from-mirror and"
                + " not digest-only.");
  }

  @Test
  void aNewRegistryHasToHaveDigestOnlyMirrors() {
    RegistriesConf none = RegistriesConfTest.parse("");

    assertThat(Drain.reasons(none, mirror("digest-only"))).isEmpty();
    assertThat(Drain.reasons(none, mirror("all"))).hasSize(1);
    assertThat(Drain.reasons(none, mirror(""))).hasSize(1);
    assertThat(Drain.reasons(none, registry("location='x.io';blocked=true")))
        .containsExactly("The registry \"s.io\" was added, without mirrors that are digest-only.");
  }

  private static RegistriesConf search(String hosts) {
    return new RegistriesConf(
        hosts.isEmpty() ? List.of() : List.of(hosts.split(" ", -1)), List.of());
  }

  private static RegistriesConf registry(String keys) {
    return RegistriesConfTest.parse("[[registry]]\nprefix='s.io'\n" + keys.replace(';', '\n'));
  }

  private static RegistriesConf mirror(String pullFrom) {
    return registry(
        "location='x.io';[[registry.mirror]];location='m.io'"
            + (pullFrom.isEmpty() ? "" : ";pull-from-mirror='" + pullFrom + "'"));
  }
}
