package dev.cistern.server.webhooks;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.Digest;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.Notices;
import dev.cistern.server.streams.TagEvent;
import dev.cistern.storage.ObjectEdit;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The stored notifications of webhooks. They are stored in the same transaction as the change of
 * the tag, so that a kill loses none. Each is an object whose namespace identifies the webhook. Its
 * name gives the order.
 */
final class Outbox implements Notices {
  static final ResourceType NOTICE =
      ResourceType.namespaced("cistern.dev", "v1", "notices", "Notice");

  /** The field with the event (CloudEvents 1.0, structured mode). */
  static final String EVENT = "event";

  private static final int PLACE_DIGITS = 16;
  private static final String MOVED = "dev.cistern.imagestreamtag.moved";

  private final List<WebhookSettings> webhooks;
  private final InstantSource clock;

  /** Microseconds since 1970, but no value twice, so that names are in the order of the events. */
  private final AtomicLong last = new AtomicLong();

  Outbox(List<WebhookSettings> webhooks, InstantSource clock) {
    this.webhooks = List.copyOf(webhooks);
    this.clock = clock;
  }

  /** Returns the namespace of a webhook's notifications. */
  static String box(WebhookSettings webhook) {
    return Digest.of(webhook.url().toString().getBytes(UTF_8)).hex().substring(0, 16);
  }

  /**
   * Continues names after that of a stored notification. If the clock was ahead then and is correct
   * now, no later notification precedes it.
   */
  void continueAfter(String name) {
    int end = name.indexOf('-');
    if (end == PLACE_DIGITS && name.substring(0, end).chars().allMatch(Character::isDigit)) {
      long place = Long.parseLong(name.substring(0, end));
      last.accumulateAndGet(place, Math::max);
    }
  }

  @Override
  public List<ObjectEdit> of(Optional<ImageStream> before, ImageStream after) {
    List<WebhookSettings> told =
        webhooks.stream().filter(webhook -> webhook.isMeant(after.namespace())).toList();
    var edits = new ArrayList<ObjectEdit>();
    if (!told.isEmpty()) {
      after
          .history()
          .keySet()
          .forEach(tag -> moved(before, after, tag).ifPresent(event -> tell(told, event, edits)));
    }
    return edits;
  }

  private void tell(List<WebhookSettings> told, ObjectNode event, List<ObjectEdit> edits) {
    Instant now = clock.instant();
    String id = event.path("id").asString("");
    long place = last.updateAndGet(before -> Math.max(before + 1, micros(now)));
    String name = "%016d-%s".formatted(place, id);
    for (WebhookSettings webhook : told) {
      ObjectNode notice = Meta.empty(NOTICE);
      Meta.of(notice).put("name", name).put("namespace", box(webhook));
      Meta.of(notice).put("creationTimestamp", Meta.time(now));
      notice.set(EVENT, event.deepCopy());
      edits.add(ClusterObjects.creation(NOTICE, notice));
    }
  }

  private static long micros(Instant time) {
    return TimeUnit.SECONDS.toMicros(time.getEpochSecond()) + time.getNano() / 1_000;
  }

  private Optional<ObjectNode> moved(Optional<ImageStream> before, ImageStream after, String tag) {
    Optional<TagEvent> is = after.latest(tag);
    Optional<TagEvent> was = before.flatMap(stream -> stream.latest(tag));
    if (is.isEmpty() || is.map(TagEvent::image).equals(was.map(TagEvent::image))) {
      return Optional.empty();
    }
    ObjectNode event = JsonMapper.shared().createObjectNode();
    event.put("specversion", "1.0").put("id", UUID.randomUUID().toString());
    event.put("source", "/namespaces/" + after.namespace() + "/imagestreams/" + after.name());
    event.put("type", MOVED).put("subject", after.name() + ":" + tag);
    event.put("time", clock.instant().toString()).put("datacontenttype", "application/json");
    ObjectNode data = event.putObject("data");
    data.put("namespace", after.namespace()).put("name", after.name()).put("tag", tag);
    data.put("image", is.get().image());
    data.put("previous", was.map(TagEvent::image).orElse(""));
    data.put("dockerImageReference", is.get().reference());
    data.put("generation", is.get().generation());
    return Optional.of(event);
  }
}
