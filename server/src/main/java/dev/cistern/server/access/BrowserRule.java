package dev.cistern.server.access;

/** Which requests of web browsers a family of routes takes. */
public enum BrowserRule {
  /** All of them, under every name: the route says nothing but that the server runs. */
  NONE,
  /** None that a page caused. */
  REFUSED,
  /**
   * The same; and a change without credentials is taken only under a name that public DNS cannot
   * point here.
   */
  REFUSED_AND_CHANGES_BY_NAME
}
