package dev.cistern.server.http;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.util.AsciiString;

/** Names of header fields that are read for every request; their hashes are computed once. */
public final class HeaderNames {
  public static final CharSequence AUTHORIZATION = HttpHeaderNames.AUTHORIZATION;
  public static final CharSequence HOST = HttpHeaderNames.HOST;
  public static final CharSequence ORIGIN = HttpHeaderNames.ORIGIN;

  /** Fetch Metadata, section 2.3. */
  public static final CharSequence SEC_FETCH_SITE = AsciiString.cached("sec-fetch-site");

  private HeaderNames() {}
}
