package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.base.MemoryBudget;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever is thrown while a request is answered, on its thread or on its event loop, ends that
 * connection at most: it is reported once, all that the client took is given back, and the next
 * request is answered.
 */
class BrokenHandlerTest {
  private static final Duration NEVER = Duration.ofHours(1);

  private final List<Throwable> reported = new CopyOnWriteArrayList<>();
  private final Breaking handler = new Breaking();
  private final Clients clients =
      new Clients( // a second request would wait
          new HttpLimits(100, 100, 1, NEVER, NEVER, NEVER, MemoryBudget.MIN_BYTES),
          new MemoryBudget(MemoryBudget.MIN_BYTES),
          Descriptors.ofProcess());
  private final Thread.@Nullable UncaughtExceptionHandler before =
      Thread.getDefaultUncaughtExceptionHandler();
  private HttpServer server;

  /** Where something is thrown. */
  enum Place {
    AT_HAND,
    HANDLE,
    BODY,
    DONE
  }

  @BeforeEach
  void start() throws IOException {
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
    server =
        HttpServer.start(
            new HttpSettings(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty()),
            clients,
            new LoopPulse(),
            handler,
            InstantSource.system());
  }

  @AfterEach
  void stop() {
    server.close();
    Thread.setDefaultUncaughtExceptionHandler(before);
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void endsOneConnectionAtMost(Place place) throws IOException {
    for (Throwable thrown :
        List.of(new ArithmeticException("long overflow"), new StackOverflowError("of a test"))) {
      handler.place = place;
      handler.thrown = thrown;
      String answer = ask();
      await().until(() -> clients.connections() == 0);

      if (place == Place.AT_HAND || place == Place.DONE) {
        assertThat(answer).startsWith("HTTP/1.1 200 ");
      } else {
        assertThat(answer).as("it is cut").doesNotEndWith("0\r\n\r\n").doesNotContain("whole");
      }
      assertThat(reported).singleElement().satisfies(what -> assertThat(what).hasRootCause(thrown));
      reported.clear();

      handler.place = null;
      assertThat(ask())
          .as("the client's one request")
          .startsWith("HTTP/1.1 200 ")
          .endsWith("whole");
      assertThat(reported).isEmpty();
    }
  }

  private String ask() throws IOException {
    try (var socket = new Socket(server.address().getAddress(), server.address().getPort())) {
      socket
          .getOutputStream()
          .write("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".getBytes(US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), US_ASCII);
    }
  }

  private static final class Breaking implements Handler {
    private volatile @Nullable Place place;
    private volatile Throwable thrown = new IllegalStateException();

    private void mayBreak(Place here) {
      if (here == place) {
        switch (thrown) {
          case RuntimeException e -> throw e;
          case Error e -> throw e;
          default -> throw new AssertionError(thrown);
        }
      }
    }

    @Override
    public @Nullable Reply turnedAway(Request request) {
      return null;
    }

    @Override
    public @Nullable Reply atHand(Request request) {
      mayBreak(Place.AT_HAND);
      return null;
    }

    @Override
    public Reply handle(Request request) {
      mayBreak(Place.HANDLE);
      return place == Place.BODY
          ? Reply.status(200).body(new ReplyBody.Pieces(new BrokenPieces()))
          : Reply.status(200).body("text/plain", "whole");
    }

    @Override
    public Reply malformed(String reason, int status) {
      return Reply.status(status);
    }

    @Override
    public Reply refused(Refusal why) {
      return Reply.status(why.status());
    }

    @Override
    public void done(Request request, Reply reply, Sent sent, long nanos) {
      mayBreak(Place.DONE);
    }

    /** A list that breaks while it is made. */
    private final class BrokenPieces implements ReplyBody.PieceSource {
      @Override
      public byte[] next() {
        mayBreak(Place.BODY);
        throw new AssertionError("it was to break");
      }

      @Override
      public void close() {}

      @Override
      public String toString() {
        return "pieces";
      }
    }
  }
}
