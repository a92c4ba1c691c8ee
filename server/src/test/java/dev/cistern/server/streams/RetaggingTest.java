package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.objects.FieldError;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RetaggingTest {
  private static final Instant THEN = Instant.parse("2026-11-01T00:00:00Z");
  private static final Instant NOW = Instant.parse("2026-11-02T00:00:00Z");
  private static final String ONE = "sha256:" + "1".repeat(64);
  private static final String TWO = "sha256:" + "12".repeat(32);
  private static final String REGISTRY = "r.example:5000";

  private final Map<String, ImageStream> others = new HashMap<>();
  private boolean mayPull = true;

  @Test
  void aStreamThatIsMadeHasNoHistoryAndTheFirstGeneration() {
    ImageStream wanted =
        stream().with(image("v1", "quay.io/a:v1")).with("v1", was("quay.io/a", ONE));

    ImageStream made = made(wanted);

    assertThat(made.generation()).isEqualTo(1);
    assertThat(made.history()).isEmpty();
    assertThat(generation(made, "v1")).hasValue(1);
  }

  @Test
  void whatIsNotChangedKeepsItsGenerations() {
    ImageStream before = made(stream().with(image("v1", "quay.io/a:v1")));

    assertThat(changed(before, before)).isEqualTo(before);
  }

  @Test
  void aTagThatComesFromElsewhereGetsTheNextGeneration() {
    ImageStream before =
        made(stream().with(image("v1", "quay.io/a:v1")).with(image("v2", "quay.io/a:v2")));

    ImageStream changed = changed(before, before.with(image("v1", "quay.io/b:v1")));

    assertThat(changed.generation()).isEqualTo(2);
    assertThat(generation(changed, "v1")).hasValue(2);
    assertThat(generation(changed, "v2")).hasValue(1);
  }

  @Test
  void aTagOfGenerationZeroIsToBeHadAgain() {
    ImageStream before = made(stream().with(image("v1", "quay.io/a:v1")));
    SpecTag tag = image("v1", "quay.io/a:v1");

    assertThat(generation(changed(before, before.with(tag.at(0))), "v1")).hasValue(2);
    assertThat(generation(changed(before, before.with(tag.with(OptionalLong.empty()))), "v1"))
        .as("none is the one it had")
        .hasValue(1);
    assertThat(generation(changed(before, before.with(tag.at(9))), "v1"))
        .as("another is not taken over")
        .hasValue(1);
  }

  @Test
  void anotherModeIsAnotherTag() {
    ImageStream before = made(stream().with(image("v1", "quay.io/a:v1")));
    SpecTag tag = before.tags().getOrDefault("v1", image("v1", ""));

    ImageStream whole =
        changed(
            before,
            before.with(tag.with(new ImportPolicy(false, false, ImportMode.PRESERVE_ORIGINAL))));
    ImageStream scheduled =
        changed(before, before.with(tag.with(new ImportPolicy(true, true, ImportMode.LEGACY))));

    assertThat(generation(whole, "v1")).hasValue(2);
    assertThat(scheduled.generation()).isEqualTo(2);
    assertThat(generation(scheduled, "v1")).as("it is the same image").hasValue(1);
  }

  @Test
  void aReferencePointsAtOnce() {
    ImageStream made = made(stream().with(reference(image("v1", "quay.io/a:v1"))));

    assertThat(made.history("v1").items())
        .containsExactly(new TagEvent(NOW, "quay.io/a:v1", "", 1));
  }

  @Test
  void aTagOfAnotherStreamIsCopiedAsItIsNow() {
    others.put("team/base", named("base").with("v1", was("quay.io/base@" + ONE, ONE)));

    ImageStream made = made(stream().with(tag("a", "ImageStreamTag", "base:v1")));

    assertThat(made.history("a").items())
        .containsExactly(new TagEvent(NOW, "quay.io/base@" + ONE, ONE, 1));
  }

  @Test
  void whatWasPushedToAnotherStreamIsPulledFromThisOne() {
    others.put("team/base", named("base").with("latest", was(REGISTRY + "/team/base@" + ONE, ONE)));

    ImageStream made = made(stream().with(tag("a", "ImageStreamTag", "base:")));
    ImageStream pointing =
        made(stream().with(reference(tag("a", "ImageStreamTag", "base:latest"))));

    assertThat(made.latest("a").orElseThrow().reference()).isEqualTo(REGISTRY + "/team/app@" + ONE);
    assertThat(pointing.latest("a").orElseThrow().reference())
        .isEqualTo(REGISTRY + "/team/base@" + ONE);
  }

  @Test
  void aTagThatIsNotThereYetIsWaitedFor() {
    others.put("team/base", named("base"));

    assertThat(made(stream().with(tag("a", "ImageStreamTag", "base:none"))).history()).isEmpty();
  }

  @Test
  void anImageIsMeantByTheBeginningOfItsDigest() {
    others.put(
        "team/base",
        named("base")
            .with("v1", was("x", ONE))
            .with("v2", was("y", TWO))
            .with("v3", was("z", TWO))
            .with("only-a-reference", was("r.example/a", "")));

    for (String name : List.of("base@" + TWO, "base@sha256:12", "base@12", "base@12121")) {
      assertThat(made(stream().with(tag("a", "ImageStreamImage", name))).latest("a"))
          .as(name)
          .map(TagEvent::image)
          .contains(TWO);
    }
  }

  @Test
  void aBeginningOfTwoDigestsIsAmbiguous() {
    others.put("team/base", named("base").with("v1", was("x", ONE)).with("v2", was("y", TWO)));

    assertThat(errors(tag("a", "ImageStreamImage", "base@1")))
        .containsExactly(
            "spec.tags[a].from.name: Invalid value: \"base@1\": error generating tag event:"
                + " Operation cannot be fulfilled on imagestreamimage.image.openshift.io \"1\":"
                + " multiple images match the prefix \"1\": "
                + ONE
                + ", "
                + TWO);
    assertThat(errors(tag("a", "ImageStreamImage", "base@3")))
        .containsExactly(
            "spec.tags[a].from.name: Invalid value: \"base@3\": error generating tag event:"
                + " imagestreamimage.image.openshift.io \"3\" not found");
  }

  @Test
  void aStreamThatIsNotThereIsSaid() {
    assertThat(errors(tag("a", "ImageStreamTag", "none:v1")))
        .containsExactly("spec.tags[a].from.name: Not found: \"none:v1\"");
    assertThat(errors(tag("a", "ImageStreamTag", "a:b:c")))
        .containsExactly(
            "spec.tags[a].from.name: Invalid value: \"a:b:c\": must be of the form <tag>,"
                + " <repo>:<tag>, <id>, or <repo>@<id>");
  }

  @Test
  void fromAnotherNamespaceItTakesThePermissionToPull() {
    others.put("else/base", named("base").with("v1", was("x", ONE)));
    SpecTag tag = from("a", new SourceReference("ImageStreamTag", "else", "base:v1"));

    assertThat(made(stream().with(tag)).latest("a")).map(TagEvent::image).contains(ONE);
    mayPull = false;
    assertThat(errors(tag))
        .containsExactly(
            "spec.tags[a].from: Forbidden: else/base: pull permission there is needed (get of"
                + " imagestreams/layers)");
    others.put("team/base", named("base").with("v1", was("x", ONE)));
    assertThat(errors(tag("a", "ImageStreamTag", "base:v1"))).as("not in its own").isEmpty();
  }

  @Test
  void anAliasFollowsWhatItTracksWithinTheSameChange() {
    ImageStream before =
        stream()
            .at(1)
            .with("v1", was("quay.io/a@" + ONE, ONE))
            .with(tag("a", "ImageStreamTag", "v1").at(1))
            .with("a", was("quay.io/a@" + ONE, ONE));
    ImageStream pushed =
        before.with("v1", before.history("v1").and(new TagEvent(NOW, "new", TWO, 2)));

    ImageStream tracked = Retagging.tracked(before.history(), pushed);

    assertThat(tracked.history("a").items()).extracting(TagEvent::image).containsExactly(TWO, ONE);
  }

  @Test
  void aliasesOfAliasesFollowAndCirclesEnd() {
    ImageStream before =
        stream()
            .with(tag("a", "ImageStreamTag", "app:b").at(1))
            .with(tag("b", "ImageStreamTag", "c").at(1))
            .with(tag("c", "ImageStreamTag", "a").at(1));
    ImageStream pushed = before.with("c", was("x", ONE));

    ImageStream tracked = Retagging.tracked(before.history(), pushed);

    for (String tag : List.of("a", "b", "c")) {
      assertThat(tracked.latest(tag)).as(tag).map(TagEvent::image).contains(ONE);
    }
  }

  @Test
  void anAliasOfAnotherStreamDoesNotFollow() {
    ImageStream before = stream().with(tag("a", "ImageStreamTag", "base:v1").at(1));

    assertThat(Retagging.tracked(before.history(), before.with("v1", was("x", ONE))).history("a"))
        .isEqualTo(TagHistory.NONE);
  }

  @Test
  void anAliasIsWhatItsSourceIsThoughBothAreSetTogether() {
    ImageStream wanted =
        stream().with(tag("a", "ImageStreamTag", "z")).with(reference(image("z", "quay.io/z:1")));
    TagEvent event = new TagEvent(NOW, "quay.io/z:1", "", 1);

    assertThat(made(wanted).latest("a")).as("in a new stream").contains(event);
    assertThat(changed(stream(), wanted).latest("a")).as("in a changed one").contains(event);
  }

  @Test
  void aDigestIsMeantWithAndWithoutItsAlgorithm() {
    assertThat(Retagging.isMeant(TWO, "sha256:1212")).isTrue();
    assertThat(Retagging.isMeant(TWO, "1212")).isTrue();
    assertThat(Retagging.isMeant(TWO, "2121")).isFalse();
    assertThat(Retagging.isMeant("", "")).isFalse();
    assertThat(Retagging.isMeant("odd", "od")).isTrue();
  }

  private static OptionalLong generation(ImageStream stream, String tag) {
    return Optional.ofNullable(stream.tags().get(tag)).orElseThrow().generation();
  }

  private ImageStream made(ImageStream wanted) {
    Retagging.Result result = retagging().made(wanted);
    assertThat(result.errors()).isEmpty();
    return result.stream();
  }

  private ImageStream changed(ImageStream before, ImageStream wanted) {
    Retagging.Result result = retagging().changed(before, wanted);
    assertThat(result.errors()).isEmpty();
    return result.stream();
  }

  private List<String> errors(SpecTag tag) {
    return retagging().made(stream().with(tag)).errors().stream()
        .map(FieldError::toString)
        .toList();
  }

  private Retagging retagging() {
    return new Retagging(
        new Retagging.Others() {
          @Override
          public Optional<ImageStream> find(String namespace, String name) {
            return Optional.ofNullable(others.get(namespace + "/" + name));
          }

          @Override
          public boolean mayPull(String namespace) {
            return mayPull;
          }

          @Override
          public Set<String> children(String image) {
            assertThat(image).as("what has no digest is no object").isNotEmpty();
            return Set.of();
          }
        },
        NOW,
        REGISTRY);
  }

  private static ImageStream stream() {
    return named("app");
  }

  private static ImageStream named(String name) {
    return ImageStream.empty("team", name);
  }

  private static TagHistory was(String reference, String image) {
    return new TagHistory(List.of(new TagEvent(THEN, reference, image, 1)), List.of());
  }

  private static SpecTag image(String name, String from) {
    return tag(name, SourceReference.DOCKER_IMAGE, from);
  }

  private static SpecTag tag(String name, String kind, String from) {
    return from(name, new SourceReference(kind, "", from));
  }

  private static SpecTag from(String name, SourceReference source) {
    return new SpecTag(
        name,
        Map.of(),
        Optional.of(source),
        false,
        OptionalLong.empty(),
        ImportPolicy.USUAL,
        false);
  }

  private static SpecTag reference(SpecTag tag) {
    return new SpecTag(
        tag.name(),
        tag.annotations(),
        tag.from(),
        true,
        tag.generation(),
        tag.importPolicy(),
        tag.isLocal());
  }
}
