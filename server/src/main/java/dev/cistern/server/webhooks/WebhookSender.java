package dev.cistern.server.webhooks;

import dev.cistern.base.Guarded;
import dev.cistern.base.StoredTime;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.storage.ObjectEvent;
import dev.cistern.storage.ObjectFeed;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/** The sender of one webhook's stored notifications, on a thread of its own. */
final class WebhookSender {
  private static final Logger LOG = LoggerFactory.getLogger(WebhookSender.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(5);
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);
  private static final Duration LONGEST_AGE = Duration.ofDays(1);
  private static final int PAGE = 100;

  private final WebhookSettings webhook;
  private final String box;
  private final ClusterObjects objects;
  private final HttpClient http;
  private final InstantSource clock;
  private final LongAdder delivered;
  private final LongAdder failed;
  private Duration pause = FIRST_PAUSE;

  WebhookSender(
      WebhookSettings webhook,
      ClusterObjects objects,
      HttpClient http,
      InstantSource clock,
      LongAdder delivered,
      LongAdder failed) {
    this.webhook = webhook;
    this.box = Outbox.box(webhook);
    this.objects = objects;
    this.http = http;
    this.clock = clock;
    this.delivered = delivered;
    this.failed = failed;
  }

  void run() {
    try {
      while (isToGoOn()) {
        LOG.debug("what is written down is looked at again");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean isToGoOn() throws InterruptedException {
    try {
      return follow();
    } catch (IOException | RuntimeException e) {
      if (!Thread.currentThread().isInterrupted()) {
        LOG.atError()
            .addKeyValue("url", webhook.url())
            .setCause(e)
            .log("webhook is not told; again after a pause");
      }
      Thread.sleep(LONGEST_PAUSE);
      return true;
    } catch (Error e) {
      Guarded.report("webhook " + webhook.url(), e);
      Thread.sleep(LONGEST_PAUSE);
      return true;
    }
  }

  /** Sends notifications until the feed ends. Returns whether to start again. */
  private boolean follow() throws InterruptedException, IOException {
    try (ObjectFeed.Cursor at = objects.feed().after(objects.revision())) {
      tellAll();
      while (!at.isOver()) {
        if (at.next(LONGEST_WAIT).stream().anyMatch(this::isForIt)) {
          tellAll();
        }
      }
      return false;
    } catch (ObjectFeed.TooOldException e) {
      return true;
    }
  }

  private boolean isForIt(ObjectEvent event) {
    return event.name().kind().equals(Outbox.NOTICE.kind())
        && event.name().namespace().equals(box)
        && event.after().isPresent();
  }

  private void tellAll() throws InterruptedException, IOException {
    List<ObjectNode> notices = page();
    while (!notices.isEmpty()) {
      for (ObjectNode notice : notices) {
        tell(notice);
        objects.change(Outbox.NOTICE, List.of(ClusterObjects.removal(Outbox.NOTICE, notice)));
      }
      notices = page();
    }
  }

  private List<ObjectNode> page() {
    return objects.cursor(Outbox.NOTICE, Optional.of(box), Optional.empty()).peek(PAGE).stream()
        .map(one -> ClusterObjects.parsed(Outbox.NOTICE, one.json(), one.revision()))
        .toList();
  }

  /** Sends a notification until the webhook accepts it or it is too old. */
  private void tell(ObjectNode notice) throws InterruptedException {
    String id = notice.path(Outbox.EVENT).path("id").asString("");
    String body = notice.path(Outbox.EVENT).toString();
    Instant happened = Instant.parse(notice.path(Outbox.EVENT).path("time").asString(""));
    Instant until = StoredTime.ageBegins(happened, clock.instant()).plus(LONGEST_AGE);
    while (true) {
      Optional<String> failure = attempt(id, body);
      if (failure.isEmpty()) {
        delivered.increment();
        pause = FIRST_PAUSE;
        return;
      }
      failed.increment();
      boolean isOver = clock.instant().isAfter(until);
      LOG.atWarn()
          .addKeyValue("url", webhook.url())
          .addKeyValue("event", id)
          .addKeyValue("reason", failure.get())
          .log(isOver ? "webhook not told, given up after a day" : "webhook not told yet");
      if (isOver) {
        return;
      }
      Thread.sleep(pause);
      Duration twice = pause.multipliedBy(2);
      pause = twice.compareTo(LONGEST_PAUSE) < 0 ? twice : LONGEST_PAUSE;
    }
  }

  /**
   * Sends a notification once. Returns the reason of a failure, or empty if the webhook accepted
   * it.
   */
  private Optional<String> attempt(String id, String body) throws InterruptedException {
    try {
      long seconds = clock.instant().getEpochSecond();
      HttpRequest request =
          HttpRequest.newBuilder(webhook.url())
              .header("Content-Type", "application/cloudevents+json; charset=utf-8")
              .header("User-Agent", "cistern")
              .header("webhook-id", id)
              .header("webhook-timestamp", Long.toString(seconds))
              .header("webhook-signature", Signature.read(webhook.secret()).of(id, seconds, body))
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      int status = status(request);
      return status >= 200 && status < 300
          ? Optional.empty()
          : Optional.of("it answered " + status);
    } catch (IOException e) {
      return Optional.of(e.toString());
    }
  }

  /** Returns the status of the response, whose body must also end within the timeout. */
  private int status(HttpRequest request) throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<Void>> answer =
        http.sendAsync(request, HttpResponse.BodyHandlers.discarding());
    try {
      return answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).statusCode();
    } catch (ExecutionException e) {
      throw new IOException(String.valueOf(e.getCause()), e);
    } catch (TimeoutException e) {
      throw new IOException("no whole answer within " + PATIENCE.toSeconds() + " s", e);
    } finally {
      answer.cancel(true);
    }
  }
}
