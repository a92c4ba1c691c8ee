package dev.cistern.mirror.upstream;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.hc.client5.http.DnsResolver;

/**
 * A resolver of names with a time limit. The system's resolver cannot be interrupted. A call to it
 * that hangs occupies a thread of its own until the system gives up.
 */
final class TimedNames implements DnsResolver {
  private final DnsResolver names;
  private final Duration limit;

  TimedNames(DnsResolver names, Duration limit) {
    this.names = names;
    this.limit = limit;
  }

  @Override
  public InetAddress[] resolve(String host) throws UnknownHostException {
    return inTime(host, () -> names.resolve(host));
  }

  @Override
  public String resolveCanonicalHostname(String host) throws UnknownHostException {
    return inTime(host, () -> names.resolveCanonicalHostname(host));
  }

  private <T> T inTime(String host, Callable<T> question) throws UnknownHostException {
    var answer = new FutureTask<>(question);
    Thread.ofVirtual().name("names").start(answer);
    try {
      return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw unknown(host + " was not resolved in " + limit.toMillis() + " ms", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unknown(host + " is no longer wanted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UnknownHostException unknown) {
        throw unknown;
      }
      throw unknown(host + " cannot be resolved", e);
    }
  }

  private static UnknownHostException unknown(String message, Exception cause) {
    var unknown = new UnknownHostException(message);
    unknown.initCause(cause);
    return unknown;
  }
}
