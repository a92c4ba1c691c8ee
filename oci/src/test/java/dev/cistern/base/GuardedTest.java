package dev.cistern.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GuardedTest {
  static Stream<Named<Runnable>> everythingThatIsThrown() {
    return Stream.of(
        Named.of(
            "unchecked",
            () -> {
              throw new IllegalStateException("unchecked");
            }),
        Named.of("overflow", () -> Math.addExact(Long.MAX_VALUE, 1)),
        Named.of("stack", GuardedTest::overflow),
        Named.of(
            "memory",
            () -> {
              throw new OutOfMemoryError("of a test");
            }));
  }

  private static void overflow() {
    throw new StackOverflowError("of a test");
  }

  @ParameterizedTest
  @MethodSource("everythingThatIsThrown")
  void goesToTheHandlerOfTheThreadWhichLives(Runnable broken) throws InterruptedException {
    var reported = new CopyOnWriteArrayList<Throwable>();
    var done = new CopyOnWriteArrayList<String>();
    Thread thread =
        Thread.ofPlatform()
            .uncaughtExceptionHandler((any, what) -> reported.add(what))
            .start(() -> {
              Guarded.of("work", broken).run();
              done.add("next");
            });
    thread.join();

    assertThat(done).containsExactly("next");
    assertThat(reported)
        .singleElement()
        .isInstanceOfSatisfying(
            Guarded.Failure.class,
            failure -> {
              assertThat(failure.work()).isEqualTo("work");
              assertThat(failure).hasMessage("work broke").cause().isNotNull();
            });
  }
}
