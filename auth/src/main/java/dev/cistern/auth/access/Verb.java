package dev.cistern.auth.access;

/** What can be done with the images of a namespace. */
public enum Verb {
  /** See what there is: image streams, their tags and their history. */
  READ,
  /** Get manifests and blobs. */
  PULL,
  /** Add content and tags that were not there. */
  CREATE,
  /** Move a tag that was there. */
  OVERWRITE,
  DELETE,
  /** Create image streams, and have them filled from elsewhere. */
  IMPORT,
  /** Say who may do what. */
  ADMINISTER
}
