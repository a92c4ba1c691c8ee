package dev.cistern.mirror.rules;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.oci.Texts;
import java.util.regex.Pattern;

/**
 * The name of an image with the parts that users may omit: {@code busybox} is {@code
 * docker.io/library/busybox:latest}. If a name has both a tag and a digest, the digest counts; both
 * are kept.
 */
record ImageName(String text, boolean isDigest) {
  private static final String HUB = "docker.io";
  private static final int LONGEST = 1024;
  private static final String LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
  private static final Pattern HOST = Pattern.compile(LABEL + "(?:\\." + LABEL + ")*(?::[0-9]+)?");
  private static final Pattern BARE_HASH = Pattern.compile("[0-9a-f]{64}");

  /**
   * Parses a name in the form that users write.
   *
   * @throws RulesException if it is malformed
   */
  static ImageName parse(String text) {
    if (text.length() > LONGEST) {
      throw malformed(text, "it is longer than " + LONGEST + " characters");
    }
    if (BARE_HASH.matcher(text).matches()) {
      throw malformed(text, "64 hexadecimal digits name an image's content, not an image");
    }
    int slash = text.indexOf('/');
    String first = slash < 0 ? "" : text.substring(0, slash);
    boolean hasHost = first.contains(".") || first.contains(":") || first.equals("localhost");
    String host = hasHost && !first.equals("index.docker.io") ? first : HUB;
    String rest = hasHost ? text.substring(slash + 1) : text;
    boolean isOfficial = host.equals(HUB) && rest.indexOf('/') < 0;
    return ofParts(text, host, isOfficial ? "library/" + rest : rest);
  }

  /**
   * Parses a name that a rule has rewritten, which has a host.
   *
   * @param rule the rule that rewrote the name, for messages
   * @throws RulesException if it is malformed
   */
  static ImageName ofRewritten(String text, String rule) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw new RulesException(rule + " makes " + Texts.shown(text) + " of it, which has no name");
    }
    try {
      return ofParts(text, text.substring(0, slash), text.substring(slash + 1));
    } catch (RulesException e) {
      throw new RulesException(rule + " makes of it what is " + e.getMessage());
    }
  }

  /** Returns the name without tag and digest. */
  String repository() {
    return repository(text);
  }

  /** Returns {@code text}, a name with a host, without its tag and digest, if it has any. */
  static String repository(String text) {
    int at = text.indexOf('@');
    String named = at < 0 ? text : text.substring(0, at);
    int colon = named.lastIndexOf(':');
    return colon > named.indexOf('/') ? named.substring(0, colon) : named;
  }

  private static ImageName ofParts(String text, String host, String rest) {
    if (!HOST.matcher(host).matches()) {
      throw malformed(text, Texts.shown(host) + " is not a host");
    }
    int at = rest.indexOf('@');
    String named = at < 0 ? rest : rest.substring(0, at);
    int colon = named.indexOf(':');
    String tag = colon < 0 ? "latest" : named.substring(colon + 1);
    try {
      var name = new RepositoryName(colon < 0 ? named : named.substring(0, colon));
      String canonical = host + "/" + name + (colon < 0 && at >= 0 ? "" : ":" + new Tag(tag));
      return at < 0
          ? new ImageName(canonical, false)
          : new ImageName(canonical + "@" + Digest.parse(rest.substring(at + 1)), true);
    } catch (OciException e) {
      throw malformed(text, e.advice().orElse(e.message()));
    }
  }

  private static RulesException malformed(String text, String why) {
    return new RulesException(
        "not an image reference: "
            + Texts.shown(text)
            + ": "
            + why
            + "; write [HOST[:PORT]/]NAME[:TAG][@DIGEST], without a scheme");
  }
}
