package dev.cistern.server.cli.objects;

/** Texts in quotes, as messages of {@code oc} have them. */
public final class Quoted {
  private Quoted() {}

  /** Returns a text in double quotes, with those in it and line ends escaped. */
  public static String of(String text) {
    return "\""
        + text.replace("\\", "\\\\")
            .replace("\"", "\\\"")
            .replace("\n", "\\n")
            .replace("\r", "\\r")
            .replace("\t", "\\t")
        + "\"";
  }
}
