package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.cli.objects.Kubeconfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/**
 * The {@code kubeconfig} command, which writes a configuration for {@code oc} and {@code kubectl}.
 */
final class KubeconfigCommand implements Command {
  private static final String TOKEN = "token";
  private static final String TO = "to";

  @Override
  public String name() {
    return "kubeconfig";
  }

  @Override
  public String summary() {
    return "writes a configuration with which oc and kubectl speak to a server";
  }

  @Override
  public Options options() {
    return AdminClient.connectionOptions()
        .addOption(Namespace.ofObjects())
        .addOption(
            ConfigOptions.option(
                TOKEN, "TOKEN", "who they are to be (default as the credentials say)"))
        .addOption(ConfigOptions.option(TO, "FILE", "a new file (default standard output)"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    AdminClient server = AdminClient.of(line);
    Optional<byte[]> authorities = Optional.empty();
    if (server.caFile().isPresent()) {
      authorities = Optional.of(Authorities.bytes(server.caFile().get()));
    }
    var config =
        new Kubeconfig(
            server.url(), Namespace.orDefault(line), authorities, token(line, server, err));
    if (line.hasOption(TO)) {
      write(Path.of(line.getOptionValue(TO)), config);
    } else {
      out.print(config);
      out.flush();
    }
    return 0;
  }

  private static Optional<String> token(CommandLine line, AdminClient server, PrintWriter err)
      throws IOException {
    if (server.isHttp()) {
      err.println(
          "no user is written: oc and kubectl send credentials only over TLS, and "
              + server.url()
              + " is plain http; they are anonymous there");
      return Optional.empty();
    }
    if (line.hasOption(TOKEN)) {
      return Optional.of(line.getOptionValue(TOKEN));
    }
    Optional<AdminClient.Token> token = server.token();
    if (token.isEmpty()) {
      err.println(
          "no user is written: there are no credentials for "
              + server.url()
              + "; --token TOKEN, or "
              + server.advice());
      return Optional.empty();
    }
    long seconds = token.get().seconds();
    if (seconds > 0) {
      err.println(
          "the token is good for "
              + seconds
              + " s; cistern create token NAME -n NAMESPACE --duration 90d makes one that is good"
              + " for longer, for --token");
    }
    return Optional.of(token.get().text());
  }

  /** Writes a new file that only its owner may read. It does not overwrite a file. */
  private static void write(Path file, Kubeconfig config) throws IOException {
    try {
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileAlreadyExistsException e) {
      throw new IOException(
          file + " is there already; write another, oc reads several: KUBECONFIG=A:B", e);
    }
    Files.write(file, config.toString().getBytes(UTF_8));
  }
}
