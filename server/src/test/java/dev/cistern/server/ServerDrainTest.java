package dev.cistern.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.server.config.DrainSettings;
import dev.cistern.server.http.InFlight;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ServerDrainTest {
  private static final DrainSettings SETTINGS = settings(5, 30, 0);

  private final FakeServer server = new FakeServer();

  @Test
  void theStepsComeInTheirOrderAndNothingWaitsWhereNothingRuns() throws Exception {
    run(SETTINGS);

    assertThat(server.calls)
        .containsExactly(
            "0 announce",
            "0 serve 5",
            "5 close listeners",
            "5 stop fills false",
            "5 await connections 5",
            "5 await fills 0",
            "5 close");
  }

  @Test
  void repliesMayTakeUntilTheTimeoutAndAreToldEveryTenSeconds() throws Exception {
    server.repliesEnd = 34;
    run(SETTINGS);

    assertThat(server.calls.subList(3, server.calls.size()))
        .containsExactly(
            "5 stop fills false",
            "5 await connections 5",
            "10 await connections 10",
            "20 await connections 10",
            "30 await connections 5",
            "34 await fills 0",
            "34 close");
    assertThat(server.told)
        .containsExactly(
            "stopping 45",
            "draining: 1 responses, 0 pushes 35",
            "draining: 1 responses, 0 pushes 25",
            "draining: 1 responses, 0 pushes 15");
  }

  @Test
  void whatIsLeftAfterTheTimeoutIsCut() throws Exception {
    server.repliesEnd = 36;
    run(SETTINGS);

    assertThat(server.calls).last().isEqualTo("35 close");
    assertThat(server.now).isEqualTo(35);
  }

  @Test
  void downloadsThatNobodyFollowsHaveATimeOfTheirOwn() throws Exception {
    server.repliesEnd = 12;
    server.fillsEnd = 100;
    run(settings(0, 30, 20));

    assertThat(server.calls)
        .containsExactly(
            "0 announce",
            "0 close listeners",
            "0 await connections 10",
            "10 await connections 10",
            "12 await fills 8",
            "20 stop fills true",
            "20 close");
  }

  @Test
  void theirTimeEndsWhileRepliesRun() throws Exception {
    server.repliesEnd = 25;
    server.fillsEnd = 100;
    run(settings(0, 30, 5));

    assertThat(server.calls)
        .contains("5 stop fills false", "25 await fills 0", "25 stop fills true");
  }

  @Test
  void aPartThatFailsIsNamed() {
    server.failure = new IOException("no space");
    ServerDrain drain = drain(SETTINGS);

    assertThatThrownBy(drain::run).hasMessage("no space");
    assertThat(drain.step()).isEqualTo("store");
  }

  private void run(DrainSettings settings) throws IOException, InterruptedException {
    ServerDrain drain = drain(settings);
    drain.run();
    assertThat(drain.step()).isEqualTo("log");
  }

  private ServerDrain drain(DrainSettings settings) {
    return new ServerDrain(server, settings, () -> Duration.ofSeconds(server.now).toNanos());
  }

  private static DrainSettings settings(int delay, int timeout, int fills) {
    return new DrainSettings(
        Duration.ofSeconds(delay), Duration.ofSeconds(timeout), Duration.ofSeconds(fills));
  }

  /** A server whose clock moves by what is waited for; times are in seconds. */
  private static final class FakeServer implements ServerDrain.Server {
    private final List<String> calls = new ArrayList<>();
    private final List<String> told = new ArrayList<>();
    private long now;
    private long repliesEnd;
    private long fillsEnd;
    private @Nullable IOException failure;

    private void note(String call) {
      calls.add(now + " " + call);
    }

    private boolean await(long end, Duration atMost) {
      now = Math.min(Math.max(now, end), now + atMost.toSeconds());
      return now >= end;
    }

    @Override
    public InFlight inFlight() {
      return new InFlight(now < repliesEnd ? 1 : 0, 0);
    }

    @Override
    public int fills() {
      return now < fillsEnd ? 1 : 0;
    }

    @Override
    public void announce() {
      note("announce");
    }

    @Override
    public void serve(Duration time) {
      note("serve " + time.toSeconds());
      now += time.toSeconds();
    }

    @Override
    public void closeListeners() {
      note("close listeners");
    }

    @Override
    public boolean awaitConnections(Duration atMost) {
      note("await connections " + atMost.toSeconds());
      return await(repliesEnd, atMost);
    }

    @Override
    public boolean awaitFills(Duration atMost) {
      note("await fills " + atMost.toSeconds());
      return await(fillsEnd, atMost);
    }

    @Override
    public int stopFills(boolean all) {
      note("stop fills " + all);
      return 0;
    }

    @Override
    public void tell(String status, Duration left) {
      told.add(status + " " + left.toSeconds());
    }

    @Override
    public long drained() {
      return 0;
    }

    @Override
    public void close() throws IOException {
      if (failure != null) {
        throw failure;
      }
      note("close");
    }
  }
}
