package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.apache.hc.client5.http.DnsResolver;
import org.junit.jupiter.api.Test;

class TimedNamesTest {
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final Duration SHORT = Duration.ofMillis(20);

  @Test
  void whatIsResolvedInTimeIsGiven() throws Exception {
    var names = new TimedNames(new Names(new CountDownLatch(0)), LONG);

    assertThat(names.resolve("here.example")).containsExactly(InetAddress.getLoopbackAddress());
    assertThat(names.resolveCanonicalHostname("here.example")).isEqualTo("here.example");
  }

  @Test
  void aResolverThatHangsIsNotWaitedFor() {
    var names = new TimedNames(new Names(new CountDownLatch(1)), SHORT);

    assertThatThrownBy(() -> names.resolve("here.example"))
        .isInstanceOf(UnknownHostException.class)
        .hasMessage("here.example was not resolved in 20 ms");
    assertThatThrownBy(() -> names.resolveCanonicalHostname("here.example"))
        .isInstanceOf(UnknownHostException.class);
  }

  @Test
  void anUnknownNameIsTheResolversError() {
    var names = new TimedNames(new Names(new CountDownLatch(0)), LONG);

    assertThatThrownBy(() -> names.resolve("nowhere.example")).hasMessage("nowhere.example");
  }

  /** Knows one name, once it may say so. */
  private record Names(CountDownLatch maySay) implements DnsResolver {
    @Override
    public InetAddress[] resolve(String host) throws UnknownHostException {
      await();
      if (!host.equals("here.example")) {
        throw new UnknownHostException(host);
      }
      return new InetAddress[] {InetAddress.getLoopbackAddress()};
    }

    @Override
    public String resolveCanonicalHostname(String host) throws UnknownHostException {
      await();
      return host;
    }

    private void await() {
      try {
        maySay.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }
}
