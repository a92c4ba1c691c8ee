package dev.cistern.mirror;

import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.time.Duration;
import java.util.OptionalLong;

/** Dependencies of a download outside this process: the upstreams, and time. Blocking. */
interface Outside {
  /** The upstreams over HTTP, and real time. */
  Outside REAL =
      new Outside() {
        @Override
        public Answer<Long> head(Upstream upstream, PullSource source, Digest digest) {
          return upstream.headBlob(source.repository(), digest);
        }

        @Override
        public Answer<RemoteBlob> open(
            Upstream upstream, PullSource source, Digest digest, long from, OptionalLong last) {
          return upstream.openBlob(source.repository(), digest, from, last);
        }

        @Override
        public void pause(Duration time) throws IOException {
          Pause.sleep(time);
        }
      };

  /** See {@link Upstream#headBlob}. */
  Answer<Long> head(Upstream upstream, PullSource source, Digest digest);

  /** See {@link Upstream#openBlob}. */
  Answer<RemoteBlob> open(
      Upstream upstream, PullSource source, Digest digest, long from, OptionalLong last);

  /**
   * Waits for {@code time}.
   *
   * @throws IOException if the server is stopping
   */
  void pause(Duration time) throws IOException;
}
