package dev.cistern.conformance;

import java.util.List;
import java.util.stream.IntStream;

/** Upstreams that tests take in turns, since a question that hangs ends long after its test. */
final class TestUpstreams implements AutoCloseable {
  private final List<UpstreamRegistry> all;
  private int taken;

  private TestUpstreams(List<UpstreamRegistry> all) {
    this.all = all;
  }

  /**
   * What a test has to itself.
   *
   * @param upstream healthy, and without a memory of those before
   * @param repository of a name that no other test takes
   * @param here the path of the repository at the server
   */
  record Turn(UpstreamRegistry upstream, String repository, String here) {}

  static TestUpstreams start(int count) {
    return new TestUpstreams(
        IntStream.range(0, count).mapToObj(i -> UpstreamRegistry.start()).toList());
  }

  /** Has a server know all of them, each with these settings. */
  TestConfig addTo(TestConfig config, String... settings) {
    for (int i = 0; i < all.size(); i++) {
      config.upstream("up" + i, all.get(i), settings);
    }
    return config;
  }

  /** Takes the next one, and a repository whose name begins so. */
  Turn take(String prefix) {
    int number = taken % all.size();
    UpstreamRegistry upstream = all.get(number);
    upstream.heal();
    upstream.forget();
    String repository = prefix + taken++;
    return new Turn(upstream, repository, "/v2/up" + number + "/" + repository);
  }

  @Override
  public void close() {
    all.forEach(UpstreamRegistry::close);
  }
}
