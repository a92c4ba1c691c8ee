package dev.cistern.server.api;

/** What a request does with objects; an apply is a patch that may create. */
enum ApiVerb {
  GET,
  LIST,
  WATCH,
  CREATE,
  UPDATE,
  PATCH,
  APPLY,
  DELETE;

  /** Returns whether something may be different afterwards. */
  boolean isChange() {
    return switch (this) {
      case GET, LIST, WATCH -> false;
      case CREATE, UPDATE, PATCH, APPLY, DELETE -> true;
    };
  }
}
