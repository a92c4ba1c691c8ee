package dev.cistern.server.registry;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The requested page of a list: the parameters {@code n} and {@code last} (distribution
 * specification, "Listing Tags").
 */
record Page(int most, String last) {
  private static final int LARGEST = 10_000;

  /** Reads the parameters. Values of {@code n} above 10,000 count as 10,000. */
  static Page of(Request request, int usual) {
    return new Page(
        request.query().first("n").map(Page::number).orElse(usual),
        request.query().first("last").orElse(""));
  }

  /**
   * Returns the number of entries to look up. The extra one shows whether there is another page.
   */
  int wanted() {
    return most == 0 ? 0 : most + 1;
  }

  private static int number(String text) {
    boolean isNumber = !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    if (!isNumber) {
      throw new OciException(
          ErrorCode.PAGINATION_NUMBER_INVALID,
          "n is not a number: " + Texts.shown(text),
          "n is how many entries a page may have, 0 or more");
    }
    return text.length() > 5 ? LARGEST : Math.min(LARGEST, Integer.parseInt(text));
  }

  /**
   * Returns the response with the names of a page.
   *
   * @param names the names, up to {@link #wanted} of them
   * @param head the part of the JSON object before the list of names
   */
  Reply reply(Request request, List<String> names, String head) {
    List<String> page = names.size() > most ? names.subList(0, most) : names;
    String json =
        page.stream().map(name -> "\"" + name + "\"").collect(Collectors.joining(",", "[", "]"));
    Reply reply = Reply.status(200).body("application/json", "{" + head + json + "}\n");
    if (names.size() > most && !page.isEmpty()) {
      reply.header("Link", link(request, page.getLast()));
    }
    return reply;
  }

  /** Returns the value of a Link header to the page after {@code name}. */
  String link(Request request, String name) {
    String query =
        "?n="
            + most
            + "&last="
            + encoded(name)
            + kept(request, "ns")
            + kept(request, "artifactType");
    return "<" + request.path() + query + ">; rel=\"next\"";
  }

  private static String kept(Request request, String parameter) {
    return request
        .query()
        .first(parameter)
        .map(value -> "&" + parameter + "=" + encoded(value))
        .orElse("");
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
