package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;

/**
 * A check of a store that is open: whether facts and content agree and, if wanted, whether all
 * content has its digest. It runs on one thread, beside everything else, and takes memory for one
 * page of the index, one file name and one buffer, whatever the size of the store.
 *
 * <p>Damaged content is set aside and not stored from then on, whether the check is to repair or
 * not: what is known to be damaged is never served. Everything else is changed only by a repair.
 */
public final class StoreCheck {
  private StoreCheck() {}

  /**
   * An order to check.
   *
   * @param digests whether all content is read and hashed
   * @param rate bytes a second that are read at most; empty for no limit
   * @param isRepair whether what is found is to be repaired, as far as that can be done here
   */
  public record Order(boolean digests, OptionalLong rate, boolean isRepair) {}

  /**
   * How far a check is.
   *
   * @param things facts and files that were looked at
   * @param bytes content that was read
   */
  public record Progress(long things, long bytes) {}

  /** Is told what a check finds and how far it is. Called by the thread of the check. */
  public interface Report {
    void found(Finding finding) throws IOException;

    /** Called now and then. */
    void progress(Progress progress);

    /** Fetches cached content again that was found damaged by a repair, if that can be done now. */
    void refetch(Digest blob, List<RepositoryName> repositories);
  }

  /** Checks all of a store; see {@link Store#check}. */
  static Progress run(CheckRun run, Uploads uploads, Repositories repositories) throws IOException {
    new ContentCheck(run, uploads).run();
    new FactCheck(run, repositories).run();
    return run.progress();
  }
}
