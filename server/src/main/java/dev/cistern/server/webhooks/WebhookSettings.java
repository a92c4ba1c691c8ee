package dev.cistern.server.webhooks;

import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/**
 * A webhook that is notified when tags move.
 *
 * @param url the URL that notifications are posted to
 * @param secret the file with the signing key, see {@link Signature}
 * @param namespaces the namespaces whose image streams cause notifications; all namespaces if empty
 */
public record WebhookSettings(URI url, Path secret, Set<String> namespaces) {
  public WebhookSettings {
    namespaces = Set.copyOf(namespaces);
  }

  boolean isMeant(String namespace) {
    return namespaces.isEmpty() || namespaces.contains(namespace);
  }
}
