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
 * Tells webhooks what happens to tags: each in the order in which it happened, one at a time, again
 * until it says that it has it, and not longer than a day. None keeps another waiting.
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

  /** Returns what writes down what is to be told. */
  public Notices notices() {
    return webhooks.isEmpty() ? Notices.NONE : outbox;
  }

  /** Returns how many notices were taken by those they were for. */
  public long delivered() {
    return delivered.sum();
  }

  /** Returns how many attempts failed. */
  public long failed() {
    return failed.sum();
  }

  /** Begins to tell what is written down, also what is left from before. */
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

  /** Forgets what was to be told to webhooks that are gone; finds the latest of the others. */
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
