package dev.cistern.server.config;

import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.LoadSettingsBuilder;

/** The settings of the YAML parser. */
public final class YamlSettings {
  private YamlSettings() {}

  /**
   * Returns a builder of settings that read a text at once. If it is read in pieces,
   * snakeyaml-engine 3.0.1 fails with an IndexOutOfBoundsException for a character beyond U+FFFF on
   * the border of two pieces.
   *
   * @param file the name of the file in messages
   */
  public static LoadSettingsBuilder of(String text, String file) {
    return LoadSettings.builder().setLabel(file).setBufferSize(text.length() + 1);
  }
}
