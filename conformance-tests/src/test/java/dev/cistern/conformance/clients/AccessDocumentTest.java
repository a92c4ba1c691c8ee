package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Accounts;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What docs/access.md tells administrators to run, run as it stands there and in that order: only
 * the address, the password and the directory are others.
 */
class AccessDocumentTest {
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\\n(.*?)^```$");

  @TempDir private Path directory;

  @Test
  void everyCommandDoesWhatIsSaid() throws IOException {
    Clients.need("htpasswd", "openssl");
    List<String> yaml = blocks("yaml").toList();
    Path config = Files.writeString(directory.resolve("cistern.yaml"), placed(yaml.get(0)));
    Path objects = Files.createDirectory(directory.resolve("objects"));
    Files.writeString(objects.resolve("administrators.yaml"), yaml.get(1));
    Files.writeString(directory.resolve("users"), Accounts.ALICE.line());
    try (CisternServer server =
        CisternServer.start(directory.resolve("cistern-data"), "--config", config.toString())) {
      for (String line : blocks("sh").flatMap(String::lines).toList()) {
        List<String> words =
            List.of(placed(line).replace("127.0.0.1:5000", server.host()).split(" ", -1));
        String said = command(words, server).run();
        assertThat(said).as(line).contains(expected(words));
      }
    }
  }

  private Command command(List<String> words, CisternServer server) {
    String[] rest = words.subList(1, words.size()).toArray(String[]::new);
    if (!words.getFirst().equals("./cistern")) {
      return Command.of(words.getFirst(), rest);
    }
    Command command =
        Command.cistern(rest).with("REGISTRY_AUTH_FILE", directory.resolve("auth.json").toString());
    return rest[0].equals("registry")
        ? command
        : command.and("--server", "http://" + server.host());
  }

  private static String expected(List<String> words) {
    return switch (String.join(" ", words.subList(0, Math.min(3, words.size())))) {
      case "htpasswd -nbB bob" -> "bob:$2y$";
      case "./cistern registry login" -> "Saved credentials for ";
      case "./cistern policy who-can" -> "Groups: system:serviceaccounts:project-a\n";
      case "./cistern create token" -> words.contains("-o") ? "{\"auths\":{\"127.0.0.1:" : "eyJ";
      default -> {
        if (!words.get(1).equals("policy")) {
          yield words.get(1).equals("why") ? "rule: the name begins with quay.io" : "";
        }
        String done = words.get(2).startsWith("add-") ? "added" : "removed";
        yield "clusterrole.rbac.authorization.k8s.io/"
            + words.get(3)
            + " "
            + done
            + ": \""
            + words.get(4)
            + "\"";
      }
    };
  }

  private String placed(String text) {
    return text.replace("./users", directory.resolve("users").toString())
        .replace("./objects", directory.resolve("objects").toString())
        .replace("./cistern-data", directory.resolve("cistern-data").toString())
        .replace("auth.json", directory.resolve("auth.json").toString())
        .replace("PASSWORD", Accounts.ALICE.password());
  }

  private static Stream<String> blocks(String language) throws IOException {
    return BLOCK
        .matcher(Files.readString(Clients.checkout().resolve("docs/access.md")))
        .results()
        .filter(block -> block.group(1).equals(language))
        .map(block -> block.group(2));
  }
}
