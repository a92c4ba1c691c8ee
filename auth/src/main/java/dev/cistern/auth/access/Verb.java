package dev.cistern.auth.access;

/** The actions on the images of a namespace. */
public enum Verb {
  /** List image streams, their tags and their history. */
  READ,
  /** Get manifests and blobs. */
  PULL,
  /** Push content and new tags. */
  CREATE,
  /** Move an existing tag. */
  OVERWRITE,
  DELETE,
  /** Create image streams, and import images into them. */
  IMPORT,
  /** Manage roles and bindings. */
  ADMINISTER
}
