package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ImageGuardTest {
  private final ImageGuard guard = new ImageGuard();

  @Test
  void aRemovalIsToldWhatWasNamedSinceTheBeginning() {
    name(List.of("before"));
    guard.begin();
    name(List.of("one", "two"));

    assertThat(guard.removing(noted -> noted.equals(Set.of("one", "two")))).isTrue();
    name(List.of("three"));
    assertThat(guard.removing(noted -> noted.equals(Set.of("one", "two", "three")))).isTrue();

    guard.end();
    assertThat(guard.removing(noted -> noted.isEmpty())).isTrue();
    guard.begin();
    assertThat(guard.removing(noted -> noted.isEmpty())).as("the next time").isTrue();
  }

  @Test
  void nothingIsNamedWhileAnImageIsRemoved() throws InterruptedException {
    guard.begin();
    var isRemoving = new CountDownLatch(1);
    var mayEnd = new CountDownLatch(1);
    CompletableFuture<Boolean> removal =
        CompletableFuture.supplyAsync(() ->
            guard.removing(noted -> {
              isRemoving.countDown();
              await(mayEnd);
              return noted.isEmpty();
            }));
    isRemoving.await();
    CompletableFuture<Boolean> naming = CompletableFuture.supplyAsync(() -> name(List.of("one")));

    assertThat(naming).isNotDone();
    mayEnd.countDown();

    assertThat(removal.join()).isTrue();
    naming.join();
    assertThat(guard.removing(noted -> noted.contains("one"))).isTrue();
  }

  @Test
  void aChangeThatFailsIsNotedAllTheSame() {
    guard.begin();
    try {
      guard.<Boolean, IllegalStateException>naming(noting -> {
        noting.note(List.of("one"));
        throw new IllegalStateException("no");
      });
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("no");
    }

    assertThat(guard.removing(noted -> noted.contains("one"))).isTrue();
  }

  private boolean name(List<String> images) {
    return guard.naming(noting -> {
      noting.note(images);
      return true;
    });
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
