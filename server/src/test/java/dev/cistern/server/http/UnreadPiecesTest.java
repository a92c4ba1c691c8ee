package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cistern.base.MemoryBudget;
import io.netty.channel.epoll.Epoll;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A body that is made while it is sent is made no faster than its client reads. */
class UnreadPiecesTest {
  private static final Duration NEVER = Duration.ofHours(1);
  private static final int PIECE = 64 << 10;
  private static final int PIECES = 100;
  private static final int MOST_UNREAD = 8;

  private final AtomicInteger made = new AtomicInteger();

  @Test
  void piecesAreMadeAsTheyAreRead() throws IOException {
    assumeTrue(Epoll.isAvailable(), "only Linux bounds what it takes of a socket");
    try (HttpServer server =
            HttpServer.start(
                new HttpSettings(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty()),
                new Clients(
                    new HttpLimits(10, 10, 10, NEVER, NEVER, NEVER, MemoryBudget.MIN_BYTES),
                    new MemoryBudget(MemoryBudget.MIN_BYTES),
                    Descriptors.ofProcess()),
                new LoopPulse(),
                new Pieces(),
                InstantSource.system());
        var socket = new Socket()) {
      socket.setReceiveBufferSize(4096);
      socket.connect(server.address());
      socket
          .getOutputStream()
          .write("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".getBytes(US_ASCII));

      await()
          .during(Duration.ofMillis(300))
          .untilAsserted(() -> assertThat(made).hasValueBetween(1, MOST_UNREAD));
      assertThat(socket.getInputStream().readAllBytes()).hasSizeGreaterThan(PIECES * PIECE);
      assertThat(made).hasValue(PIECES);
    }
  }

  private final class Pieces implements Handler, ReplyBody.PieceSource {
    @Override
    public byte @Nullable [] next() {
      if (made.get() == PIECES) {
        return null;
      }
      made.incrementAndGet();
      return new byte[PIECE];
    }

    @Override
    public void close() {}

    @Override
    public @Nullable Reply turnedAway(Request request) {
      return null;
    }

    @Override
    public @Nullable Reply atHand(Request request) {
      return null;
    }

    @Override
    public Reply handle(Request request) {
      return Reply.status(200).body(new ReplyBody.Pieces(this));
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
    public void done(Request request, Reply reply, Sent sent, long nanos) {}
  }
}
