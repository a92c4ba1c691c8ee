package dev.cistern.server.webhooks;

import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.streams.Notices;
import java.io.Closeable;
import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The delivery of notifications about tags to webhooks. Each webhook gets them in the order of the
 * events, one at a time. A notification is retried until the webhook accepts it, for one day at
 * most. Webhooks do not delay each other.
 */
public final class Webhooks implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Webhooks.class);
  private static final Duration CONNECT = Duration.ofSeconds(10);

  private final List<WebhookSettings> webhooks;
  private final InstantSource clock;
  private final Outbox outbox;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final LongAdder delivered = new LongAdder();
  private final LongAdder failed = new LongAdder();

  public Webhooks(List<WebhookSettings> webhooks, InstantSource clock) {
    this.webhooks = List.copyOf(webhooks);
    this.clock = clock;
    this.outbox = new Outbox(webhooks, clock);
  }

  /** Returns the store of notifications. */
  public Notices notices() {
    return webhooks.isEmpty() ? Notices.NONE : outbox;
  }

  /** Returns the number of notifications that webhooks accepted. */
  public long delivered() {
    return delivered.sum();
  }

  /** Returns the number of failed attempts. */
  public long failed() {
    return failed.sum();
  }

  /** Starts to send stored notifications, including those from before the start. */
  public void start(ClusterObjects objects) throws IOException {
    forget(objects);
    if (webhooks.isEmpty()) {
      return;
    }
    HttpClient http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT)
            .executor(threads)
            .build();
    for (WebhookSettings webhook : webhooks) {
      threads.execute(new WebhookSender(webhook, objects, http, clock, delivered, failed)::run);
    }
  }

  /**
   * Deletes notifications for webhooks that are no longer configured. For the others, continues
   * names after the latest notification.
   */
  private void forget(ClusterObjects objects) throws IOException {
    Set<String> known = webhooks.stream().map(Outbox::box).collect(Collectors.toSet());
    int count = 0;
    for (String box : objects.namespaces(Outbox.NOTICE)) {
      if (known.contains(box)) {
        objects
            .each(Outbox.NOTICE, Optional.of(box))
            .forEach(notice -> outbox.continueAfter(Meta.name(notice)));
      } else {
        for (ObjectNode notice : objects.each(Outbox.NOTICE, Optional.of(box))) {
          objects.change(Outbox.NOTICE, List.of(ClusterObjects.removal(Outbox.NOTICE, notice)));
          count++;
        }
      }
    }
    if (count > 0) {
      LOG.atInfo().addKeyValue("notices", count).log("of webhooks that are gone, forgotten");
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
