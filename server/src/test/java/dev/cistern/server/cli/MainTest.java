package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource({
    "'realms: [10.0.0.1:8443]', 10.0.0.1:8443",
    "'realms: [10.0.0.1]', 10.0.0.1",
    "'realms: [sso.internal], trustedHosts: [\"sso.internal:8443\"]', sso.internal",
    "'realms: [\"sso.internal:8443\"], trustedHosts: [sso.internal]', sso.internal:8443",
    "'realms: [\"10.0.0.1:5000\"]', ''",
    "'realms: [sso.internal], trustedHosts: [sso.internal]', ''",
    "'realms: [sso.internal], trustedHosts: [\"sso.internal:443\"]', ''",
    "'realms: [sso.example.com]', ''"
  })
  void checkWarnsOfATokenServiceOnAPortThatIsNotTrusted(
      String setting, String realm, @TempDir Path directory)
      throws IOException, InterruptedException {
    Path file = directory.resolve("cistern.yaml");
    Files.writeString(
        file,
        "upstreams:\n  - {registry: example.com, name: x, endpoint: 'https://10.0.0.1:5000', "
            + setting
            + "}\n");

    assertThat(run("check", "--config", file.toString())).as(err::toString).isZero();
    if (realm.isEmpty()) {
      assertThat(out.toString()).doesNotContain("warning:");
    } else {
      assertThat(out.toString())
          .contains("warning: trusted-ports: upstream x: realms has " + realm + ",")
          .contains("add " + realm + " to trustedHosts");
    }
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
