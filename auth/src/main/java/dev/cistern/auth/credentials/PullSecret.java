package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Kubernetes Secret objects that contain credentials for registries. */
public final class PullSecret {
  /**
   * The secret types, each with the data keys that may contain the file; the usual key is first.
   */
  private static final Map<String, List<String>> KEYS =
      Map.of(
          "kubernetes.io/dockerconfigjson", List.of(".dockerconfigjson"),
          "kubernetes.io/dockercfg", List.of(".dockercfg"),
          "kubernetes.io/podmanconfigjson",
              List.of("auth.json", ".podmanconfigjson", ".dockerconfigjson", "config.json"));

  private PullSecret() {}

  /** Returns whether secrets of this type contain credentials for registries. */
  public static boolean isPullSecret(String type) {
    return KEYS.containsKey(type);
  }

  /**
   * Reads a secret. Credential helpers that it names are not run, because its author may be allowed
   * to administer only a namespace.
   *
   * @param data the data of the object, with base64 decoded
   * @param source {@code secret NAMESPACE/NAME}, for messages and {@link Keyring.Entry#file}
   * @throws CredentialsException if it is not a pull secret, lacks the key, or has no valid file
   *     there
   */
  public static Keyring of(String type, Map<String, byte[]> data, String source) {
    List<String> keys = KEYS.get(type);
    if (keys == null) {
      throw new CredentialsException(
          source
              + ": type "
              + (type.isEmpty() ? "(none)" : type)
              + " is no pull secret; it would be one of "
              + KEYS.keySet().stream().sorted().collect(Collectors.joining(", ")));
    }
    for (String key : keys) {
      byte[] file = data.get(key);
      if (file != null) {
        return DockerConfig.parse(file, source, Programs.NONE);
      }
    }
    String there =
        data.isEmpty()
            ? "it has no data"
            : "it has " + data.keySet().stream().sorted().collect(Collectors.joining(", "));
    throw new CredentialsException(
        source + ": type " + type + " needs the key " + keys.getFirst() + " in data; " + there);
  }
}
