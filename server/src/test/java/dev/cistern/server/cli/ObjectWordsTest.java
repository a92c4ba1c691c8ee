package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong with the words of commands for objects is said without a server. */
class ObjectWordsTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "import-image | Missing argument: NAME[:TAG]",
        "import-image a --confirm=perhaps | --confirm: true or false is expected, not perhaps",
        "tag | Missing argument: SOURCE DESTINATION...",
        "get | Missing argument: KIND[/NAME]...",
        "get is -o xml | -o: wide, json, yaml or name is expected, not xml",
        "describe | Missing argument: KIND[/NAME]...",
        "apply | must specify -f",
        "create | create token NAME is expected, or create -f FILE",
        "prune all | Unexpected argument: all",
        "kubeconfig x | Unexpected argument: x",
        "get is --server ftp://x | a URL such as http://127.0.0.1:5000 is expected",
      })
  void misuseIsSaid(String words, String complaint) throws InterruptedException {
    assertThat(run(words)).isEqualTo(2);
    assertThat(err.toString()).contains(complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "import-image a:b --all | cannot specify a tag \"a:b\" as well as --all",
        "import-image A | the image name must be a valid container image pull spec or reference to",
        "import-image a --import-mode=x | valid ImportMode values are Legacy or PreserveOriginal",
        "import-image a --reference-policy=x | valid reference policy values are source or local",
        "tag a:b | at least a destination is required",
        "tag A b:c | invalid SOURCE: repository name must be lowercase",
        "tag x/a:b c:d --source=foo | invalid source \"foo\"; valid values are docker, dockerimage,",
        "tag a b:c --source=istag | --source=ImageStreamTag requires a valid <name>:<tag> in SOURCE",
        "tag r.io/a:b b:c --source=istag | server in SOURCE is only allowed when providing a",
        "tag r.io/a b | \"b\" must be of the form <stream_name>:<tag>",
        "tag r.io/a b:c --import-mode=x | valid ImportMode values are Legacy or PreserveOriginal",
        "tag r.io/a b:c --reference-policy=x | reference policy must be set to 'source' or 'local'",
        "tag a:b c:d --alias | cannot set alias across different Image Streams",
        "tag a:b a:d --alias --scheduled | only container images can have importing flags set",
        "tag a:b -d --alias | --alias and --delete may not be both specified",
        "tag a:b -d --source=istag | cannot specify a source kind when deleting",
        "tag a:b -d --insecure | cannot set flags for importing images when deleting a tag",
        "tag a:b -d --import-mode=Legacy | cannot specify an import mode when deleting",
        "prune --keep-younger-than=soon | a time such as 60m, 1h30m or 0 is expected, not soon",
        "prune --keep-younger-than=-1h | --keep-younger-than must be greater than or equal to 0",
        "prune --keep-tag-revisions=-1 | --keep-tag-revisions must be greater than or equal to 0",
        "delete | You must provide one or more resources by argument or filename.",
        "delete is/a -f b.yaml | when paths, URLs, or stdin is provided as input, you may not",
        "apply -f /none.yaml | the path \"/none.yaml\" does not exist",
      })
  void whatCannotBeIsSaidInTheWordsOfOc(String words, String complaint)
      throws InterruptedException {
    assertThat(run(words)).isEqualTo(1);
    assertThat(err.toString()).startsWith("error: " + complaint);
  }

  @Test
  void anAliasOfSeveralStreamsIsRefusedBeforeAnythingIsAsked() throws InterruptedException {
    assertThat(run("tag a:b a:c other/a:d --alias")).isEqualTo(1);
    assertThat(err.toString()).contains("cannot set alias across different Image Streams");
  }

  @Test
  void aServerThatIsNotThereIsNamed() throws InterruptedException {
    for (String words : List.of("get is", "import-image a", "describe is", "delete is/a")) {
      assertThat(run(words + " --server http://127.0.0.1:1")).isEqualTo(1);
      assertThat(err.toString()).contains("no server answers at http://127.0.0.1:1");
    }
  }

  @Test
  void kubeconfigWritesNoUserForPlainHttpAndSaysWhy() throws InterruptedException {
    assertThat(run("kubeconfig --server http://127.0.0.1:1 --token eyJ.a.b -n team")).isZero();
    assertThat(out.toString())
        .contains("server: http://127.0.0.1:1\n", "namespace: team\n")
        .doesNotContain("eyJ", "users:");
    assertThat(err.toString()).contains("oc and kubectl send credentials only over TLS");
  }

  @Test
  void kubeconfigWritesTheTokenForTls() throws InterruptedException {
    assertThat(run("kubeconfig --server https://r.example:1 --token eyJ.a.b")).isZero();
    assertThat(out.toString())
        .contains("current-context: default/r-example:1\n", "    token: eyJ.a.b\n");
    assertThat(err.toString()).isEmpty();
  }

  private int run(String words) throws InterruptedException {
    return Main.run(
        List.of(words.strip().split(" ", -1)),
        new PrintWriter(out, true),
        new PrintWriter(err, true));
  }
}
