package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;

/** A directory of a cluster's objects, whose files change as an editor changes them. */
final class ObjectFiles {
  private final Path directory;

  ObjectFiles(Path directory) {
    this.directory = directory;
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path directory() {
    return directory;
  }

  /** Writes a file, which is whole from the first moment. */
  void put(String name, String text) {
    replace(directory.resolve(name), text);
  }

  /** Writes a file, which is whole from the first moment. */
  static void replace(Path file, String text) {
    try {
      Path next = Files.writeString(file.resolveSibling("." + file.getFileName()), text);
      Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void delete(String name) {
    try {
      Files.delete(directory.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Is there under another name from now on. */
  ObjectFiles moveTo(Path other) {
    try {
      return new ObjectFiles(Files.move(directory, other));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns an ImageDigestMirrorSet with one source; {@code more} is another line of its entry. */
  static String idms(String source, String mirrors, String more) {
    return mirrorSet("ImageDigestMirrorSet", "imageDigestMirrors", source, mirrors, more);
  }

  /** Returns an ImageTagMirrorSet with one source; {@code more} is another line of its entry. */
  static String itms(String source, String mirrors, String more) {
    return mirrorSet("ImageTagMirrorSet", "imageTagMirrors", source, mirrors, more);
  }

  private static String mirrorSet(
      String kind, String list, String source, String mirrors, String more) {
    return """
    apiVersion: config.openshift.io/v1
    kind: %s
    metadata:
      name: one
    spec:
      %s:
      - source: %s
        mirrors: [%s]
        %s
    """
        .formatted(kind, list, source, mirrors, more);
  }

  /** Returns a RoleBinding for one subject, or a ClusterRoleBinding if the namespace is empty. */
  static String binding(String namespace, String role, String kind, String subject) {
    return """
    apiVersion: rbac.authorization.k8s.io/v1
    kind: %s
    metadata: {name: one%s}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "%s"}
    subjects: [{kind: %s, name: "%s"}]
    """
        .formatted(
            namespace.isEmpty() ? "ClusterRoleBinding" : "RoleBinding",
            namespace.isEmpty() ? "" : ", namespace: " + namespace,
            role,
            kind,
            subject);
  }

  /** Returns the cluster's pull secret with a docker configuration in it. */
  static String pullSecret(String dockerConfig) {
    return secret("openshift-config", "pull-secret", dockerConfig);
  }

  /** Returns a pull secret with a docker configuration in it. */
  static String secret(String namespace, String name, String dockerConfig) {
    return """
    apiVersion: v1
    kind: Secret
    metadata: {name: %s, namespace: %s}
    type: kubernetes.io/dockerconfigjson
    data:
      .dockerconfigjson: %s
    """
        .formatted(
            name, namespace, Base64.getEncoder().encodeToString(dockerConfig.getBytes(UTF_8)));
  }

  /** Returns a docker configuration with the same user for each of the hosts. */
  static String dockerConfig(String user, String password, String... hosts) {
    String auth = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(UTF_8));
    var entries = new StringBuilder();
    for (String host : hosts) {
      entries.append(entries.isEmpty() ? "" : ",");
      entries.append("\"" + host + "\":{\"auth\":\"" + auth + "\"}");
    }
    return "{\"auths\":{" + entries + "}}";
  }
}
