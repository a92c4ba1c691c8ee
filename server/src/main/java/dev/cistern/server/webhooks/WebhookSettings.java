package dev.cistern.server.webhooks;

import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/**
 * Who is told when tags move.
 *
 * @param url where it is posted
 * @param secret the file with the key that signs, see {@link Signature}
 * @param namespaces whose streams are meant; all if there are none
 */
public record WebhookSettings(URI url, Path secret, Set<String> namespaces) {
  public WebhookSettings {
    namespaces = Set.copyOf(namespaces);
  }

  boolean isMeant(String namespace) {
    return namespaces.isEmpty() || namespaces.contains(namespace);
  }
}
