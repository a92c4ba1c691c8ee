package dev.cistern.server.config;

import dev.cistern.server.webhooks.Signature;
import dev.cistern.server.webhooks.WebhookSettings;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/** The parser of an entry of {@code webhooks:}. */
final class WebhookSection {
  private static final String SECRET = "secret";

  private WebhookSection() {}

  static WebhookSettings read(Section section) {
    var settings =
        new WebhookSettings(url(section), secret(section), Set.copyOf(section.texts("namespaces")));
    section.end();
    return settings;
  }

  private static URI url(Section section) {
    try {
      URI url = URI.create(section.required("url"));
      boolean isHttp = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
      if (isHttp && url.getHost() != null && url.getRawUserInfo() == null) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // Not a URI: refused like a URI with another scheme.
    }
    throw section.wrong(
        "url", "a URL such as https://ci.example.com/images is expected, without a user");
  }

  private static Path secret(Section section) {
    Path file = UpstreamSection.file(section, SECRET, section.required(SECRET));
    try {
      Signature.read(file);
      return file;
    } catch (IOException e) {
      throw section.wrong(SECRET, String.valueOf(e.getMessage()));
    }
  }
}
