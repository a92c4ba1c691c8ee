package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the build made, as the launcher starts it. */
class DistributionTest {
  /**
   * The JVM drops a cache that does not fit without an error: another flag than in training or
   * another jar is enough, and starts take three times as long.
   */
  @Test
  void theAheadOfTimeCacheIsUsed() throws IOException, InterruptedException {
    List<String> command = CisternServer.command(List.of("--version"));
    assertThat(command).anyMatch(word -> word.startsWith("-XX:AOTCache="));
    command.addAll(1, List.of("-XX:AOTMode=on", "-Xlog:class+load"));

    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);

    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said)
        .containsPattern("dev\\.cistern\\.server\\.cli\\.Main source: shared objects file")
        .contains("cistern 0.");
  }

  @Test
  void theLauncherFindsTheJdkThoughJavaHomeNamesNone() throws IOException, InterruptedException {
    var builder = new ProcessBuilder("../cistern", "jdk");
    builder.environment().put("JAVA_HOME", "/none");
    builder
        .environment()
        .compute("PATH", (name, path) -> System.getProperty("java.home") + "/bin:" + path);

    Process process = builder.redirectErrorStream(true).start();
    String home = new String(process.getInputStream().readAllBytes(), UTF_8).strip();

    assertThat(process.waitFor()).as(home).isZero();
    assertThat(Files.readString(Path.of(home, "release"))).contains("JAVA_VERSION=\"25");
  }
}
