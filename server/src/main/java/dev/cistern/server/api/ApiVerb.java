package dev.cistern.server.api;

/** An action of a request on objects; an apply is a patch that may create the object. */
enum ApiVerb {
  GET,
  LIST,
  WATCH,
  CREATE,
  UPDATE,
  PATCH,
  APPLY,
  DELETE;

  /** Returns whether the action may change objects. */
  boolean isChange() {
    return switch (this) {
      case GET, LIST, WATCH -> false;
      case CREATE, UPDATE, PATCH, APPLY, DELETE -> true;
    };
  }
}
