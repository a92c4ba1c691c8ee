package dev.cistern.storage;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import java.util.regex.Pattern;

/**
 * The identity of an object.
 *
 * @param kind kind such as {@code RoleBinding}: a letter, then letters, digits and dots, at most 63
 *     characters
 * @param namespace namespace of at most 255 characters; empty for an object outside any namespace
 * @param name name that can stand in a path (Kubernetes' path segment names): printable ASCII
 *     without space, {@code /} and {@code %}, not {@code .} or {@code ..}; 1 to 253 characters
 */
public record ObjectName(String kind, String namespace, String name) {
  private static final Pattern KIND = Pattern.compile("[A-Za-z][A-Za-z0-9.]{0,62}");
  private static final Pattern NAMESPACE = Pattern.compile("(?!\\.\\.?$)[!-$&-.0-~]{0,255}");
  private static final Pattern NAME = Pattern.compile("(?!\\.\\.?$)[!-$&-.0-~]{1,253}");

  /**
   * @throws OciException with NAME_INVALID, if a part is not valid
   */
  public ObjectName {
    check("kind", KIND, kind, "letters, digits and dots are expected, at most 63");
    check("namespace", NAMESPACE, namespace, "at most 255 characters that can stand in a path");
    check("name", NAME, name, "1 to 253 characters are expected that can stand in a path");
  }

  /** Returns whether {@code text} is a valid name of an object. */
  public static boolean isName(String text) {
    return NAME.matcher(text).matches();
  }

  private static void check(String part, Pattern pattern, String text, String expected) {
    if (!pattern.matcher(text).matches()) {
      throw new OciException(
          ErrorCode.NAME_INVALID,
          "not the " + part + " of an object: " + Texts.shown(text) + ": " + expected);
    }
  }

  /** Returns {@code KIND NAMESPACE/NAME}, or {@code KIND NAME} if the object is in no namespace. */
  @Override
  public String toString() {
    return kind + " " + (namespace.isEmpty() ? "" : namespace + "/") + name;
  }
}
