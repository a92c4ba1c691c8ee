package dev.cistern.server.cli.objects;

/** Quotes for texts in the messages of {@code oc}. */
public final class Quoted {
  private Quoted() {}

  /** Returns a text in double quotes, with quotes, backslashes, tabs and line ends escaped. */
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
