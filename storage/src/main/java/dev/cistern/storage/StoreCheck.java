package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;

/**
 * A check of an open store. It compares facts with content and, if requested, hashes all content.
 * It runs on one thread, beside all other operations. It uses memory for one page of the index, one
 * file name and one buffer, whatever the size of the store.
 *
 * <p>Damaged content is set aside and counts as not stored from then on, even if the check does not
 * repair. Content that is known to be damaged is never served. Everything else is changed only by a
 * repair.
 */
public final class StoreCheck {
  private StoreCheck() {}

  /**
   * The options of a check.
   *
   * @param digests whether all content is read and hashed
   * @param rate maximum bytes that are read per second; empty for no limit
   * @param isRepair whether findings are repaired, as far as this store alone can do so
   */
  public record Order(boolean digests, OptionalLong rate, boolean isRepair) {}

  /**
   * The progress of a check.
   *
   * @param things number of facts and files that were checked
   * @param bytes bytes of content that were read
   */
  public record Progress(long things, long bytes) {}

  /** Receiver of the findings and the progress of a check. Called on the thread of the check. */
  public interface Report {
    void found(Finding finding) throws IOException;

    /** Called from time to time during the check. */
    void progress(Progress progress);

    /** Fetches cached content again that a repair found damaged, if that is possible now. */
    void refetch(Digest blob, List<RepositoryName> repositories);
  }

  /** Checks the whole store; see {@link Store#check}. */
  static Progress run(CheckRun run, Uploads uploads, Repositories repositories) throws IOException {
    new ContentCheck(run, uploads).run();
    new FactCheck(run, repositories).run();
    return run.progress();
  }
}
