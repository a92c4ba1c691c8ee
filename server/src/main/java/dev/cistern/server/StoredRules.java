package dev.cistern.server;

import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.Resources;
import dev.cistern.server.config.Rules;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.storage.Objects;
import dev.cistern.storage.StoredObject;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mirror sets and secrets that were created through the API. They have the same effect as those
 * of files.
 */
record StoredRules(Objects objects) {
  private static final Logger LOG = LoggerFactory.getLogger(StoredRules.class);
  private static final List<ResourceType> KINDS =
      List.of(
          Kinds.SECRET, Kinds.DIGEST_MIRROR_SET, Kinds.TAG_MIRROR_SET, Kinds.CONTENT_SOURCE_POLICY);

  /** Returns the current objects. Logs and omits an object that cannot be parsed. */
  Resources read() {
    Resources all = Resources.NONE;
    for (ResourceType type : KINDS) {
      for (StoredObject object : objects.list(type.kind())) {
        try {
          Resources read = Resources.parse(object.json(), object.name().toString());
          read.secrets().stream().filter(Rules::isPullSecret).forEach(Rules::keyring);
          all = all.and(read);
        } catch (ConfigException e) {
          LOG.warn("does not count: {}", e.getMessage());
        }
      }
    }
    return all;
  }
}
