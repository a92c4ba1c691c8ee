package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A disk of a test's own, in memory, until it is closed. Needs root on Linux, to mount it. */
final class SmallDisk implements AutoCloseable {
  private final Path mountPoint;

  private SmallDisk(Path mountPoint) {
    this.mountPoint = mountPoint;
  }

  /** Mounts one of so many MiB; the test is not run where that is not possible. */
  static SmallDisk mount(Path mountPoint, int mebibytes) {
    boolean isRoot =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("user.name").equals("root");
    String problem =
        isRoot
            ? SystemCommand.run(
                "mount", "-t", "tmpfs", "-o", "size=" + mebibytes + "m", "tmpfs", "" + mountPoint)
            : "only root on Linux can mount a small disk";
    if (!problem.isEmpty()) {
      if ("1".equals(System.getenv("CISTERN_CI"))) {
        fail(problem);
      }
      abort(problem);
    }
    return new SmallDisk(mountPoint);
  }

  Path path() {
    return mountPoint;
  }

  long freeBytes() throws IOException {
    return Files.getFileStore(mountPoint).getUnallocatedSpace();
  }

  /** Returns the bytes that are taken, also by files that are removed and still open. */
  long usedBytes() throws IOException {
    return Files.getFileStore(mountPoint).getTotalSpace() - freeBytes();
  }

  @Override
  public void close() {
    String problem = SystemCommand.run("umount", mountPoint.toString());
    if (!problem.isEmpty()) {
      SystemCommand.run("umount", "--lazy", mountPoint.toString());
      fail(problem);
    }
  }
}
