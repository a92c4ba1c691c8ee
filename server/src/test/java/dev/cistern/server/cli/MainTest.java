package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void helpListsTheCommandsAndHidesTheTraining() throws InterruptedException {
    assertThat(run("--help")).isZero();
    assertThat(out.toString()).contains("serve ", "check ").doesNotContain("train");
  }

  @Test
  void everyCommandHasHelp() throws InterruptedException {
    for (String command : List.of("serve", "check")) {
      assertThat(run(command, "--help")).isZero();
    }
    assertThat(out.toString()).contains("--upstream [NAME=]URL", "--default-upstream NAME");
  }

  @Test
  void nothingIsMisuse() throws InterruptedException {
    assertThat(run()).isEqualTo(2);
  }

  @Test
  void anUnknownCommandIsNamed() throws InterruptedException {
    assertThat(run("sevre")).isEqualTo(2);
    assertThat(err.toString()).contains("no such command: sevre");
  }

  @Test
  void anUnknownOptionIsNamed() throws InterruptedException {
    assertThat(run("serve", "--colour", "red")).isEqualTo(2);
    assertThat(err.toString()).contains("--colour").contains("cistern serve --help");
  }

  @Test
  void aStrayArgumentIsNamed() throws InterruptedException {
    assertThat(run("check", "file.yaml")).isEqualTo(2);
    assertThat(err.toString()).contains("file.yaml");
  }

  @Test
  void checkSaysWhatIsInForce() throws InterruptedException {
    assertThat(run("check", "--listen", "127.0.0.1:1", "--upstream", "x=http://127.0.0.1:2"))
        .isZero();
    assertThat(out.toString())
        .contains("listen: 127.0.0.1:1", "upstream x: http://127.0.0.1:2 (insecure)", "good");
  }

  @Test
  void checkRefusesWhatServeWouldRefuse() throws InterruptedException {
    assertThat(run("check", "--config", "/none.yaml")).isEqualTo(1);
    assertThat(err.toString()).startsWith("error: /none.yaml: cannot be read");
  }

  private int run(String... arguments) throws InterruptedException {
    return Main.run(List.of(arguments), new PrintWriter(out, true), new PrintWriter(err, true));
  }
}
