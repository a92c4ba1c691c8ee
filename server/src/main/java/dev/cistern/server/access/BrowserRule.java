package dev.cistern.server.access;

/** The requests of web browsers that a family of routes accepts. */
public enum BrowserRule {
  /** All of them, under every name, because the route reveals only that the server runs. */
  NONE,
  /** None that a page caused. */
  REFUSED,
  /**
   * None that a page caused. In addition, a change without credentials is accepted only under a
   * name that public DNS cannot point at this server.
   */
  REFUSED_AND_CHANGES_BY_NAME
}
