package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong with the words of {@code policy} and {@code create} is said without a server. */
class AccessWordsTest {
  private final StringWriter err = new StringWriter();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "policy | Missing argument: WHAT...",
        "policy grant x | policy grant: expected is one of who-can, add-cluster-role-to-group,",
        "policy add-role-to-user | you must specify a role",
        "policy add-role-to-user view -n a | you must specify at least one user or service account",
        "policy add-role-to-group view -n a | you must specify at least two arguments: <role> <group>",
        "policy add-role-to-user view bob | -n NAMESPACE is needed",
        "policy add-role-to-user view -z default | -n NAMESPACE is needed",
        "policy add-role-to-user view -n a -z system:serviceaccount:a:b | should only be used with",
        "policy add-role-to-group view team -n a -z default | -z is for users",
        "policy add-role-to-user view bob -n a -A | -A is for who-can",
        "policy add-cluster-role-to-user view bob -n a | a cluster role holds everywhere",
        "policy who-can get | you must specify two arguments: verb, resource",
        "policy who-can get imagestreams | -n NAMESPACE is needed, or -A",
        "policy who-can get imagestreams -A -n a | -n NAMESPACE is needed, or -A",
        "policy who-can get imagestreams -n a -z b | -z is for changes",
        "policy add-role-to-user view bob -n a -o xml | text or json is expected, not xml",
        "create token | create token NAME is expected",
        "create secret x | create token NAME is expected",
        "create token x | -n NAMESPACE is needed",
        "create token x -n a --duration soon | a time such as 10m, 24h or 90d is expected",
        "create token x -n a --registry b | --registry is for -o dockerconfigjson",
        "create token x -n a --server ftp://b | a URL such as http://127.0.0.1:5000 is expected",
        "create token x -n a --server http://u:p@b | a URL such as http://127.0.0.1:5000 is expected",
      })
  void misuseIsSaid(String words, String complaint) throws InterruptedException {
    assertThat(run(words)).isEqualTo(2);
    assertThat(err.toString()).contains(complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--server http://127.0.0.1:1 | no server answers at http://127.0.0.1:1",
        "--server https://127.0.0.1:1 --ca-file /none.pem | /none.pem: cannot be read",
        "--server https://127.0.0.1:1 --ca-file pom.xml | pom.xml: no certificates: PEM",
      })
  void whatFailsIsSaid(String options, String complaint) throws InterruptedException {
    assertThat(run("policy who-can get imagestreams -A " + options)).isEqualTo(1);
    assertThat(err.toString()).contains(complaint);
  }

  private int run(String words) throws InterruptedException {
    return Main.run(
        List.of(words.split(" ", -1)),
        new PrintWriter(new StringWriter(), true),
        new PrintWriter(err, true));
  }
}
