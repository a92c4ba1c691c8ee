package dev.cistern.server.config;

import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.LoadSettingsBuilder;

/** How YAML is read. */
public final class YamlSettings {
  private YamlSettings() {}

  /**
   * Returns how a text is read: at once. In pieces, snakeyaml-engine 3.0.1 fails with an
   * IndexOutOfBoundsException where a character beyond U+FFFF lies on the border of two.
   *
   * @param file its name, for messages
   */
  public static LoadSettingsBuilder of(String text, String file) {
    return LoadSettings.builder().setLabel(file).setBufferSize(text.length() + 1);
  }
}
