package dev.cistern.storage;

import java.util.Locale;

/**
 * Errors of the operating system that prevent writes to the store. The list is closed, because
 * metrics use the names.
 */
public enum StorageError {
  EMFILE("too many open files"),
  ENFILE("too many open files in system"),
  EIO("input/output error"),
  EDQUOT("disk quota exceeded"),
  EROFS("read-only file system"),
  EACCES("permission denied"),
  ENOSPC("no space left on device"),
  /** A file of the index is damaged. */
  CORRUPTION("the index is damaged"),
  /** Any other error. */
  OTHER("unexpected error");

  private static final String EPERM = "operation not permitted";

  private final String text;

  StorageError(String text) {
    this.text = text;
  }

  /** Returns the text in messages, such as {@code input/output error}. */
  public String text() {
    return text;
  }

  /** Returns the name in metrics, such as {@code eio}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns whether the error means that there is no space. */
  boolean isNoRoom() {
    return this == ENOSPC || this == EDQUOT;
  }

  /** Returns the error that the message of {@code thrown} names, in the words of the C library. */
  public static StorageError of(Throwable thrown) {
    String message = String.valueOf(thrown.getMessage()).toLowerCase(Locale.ROOT);
    if (message.contains(ENFILE.text)) {
      return ENFILE; // its text begins with that of EMFILE
    }
    if (message.contains(EPERM)) {
      return EACCES;
    }
    for (StorageError error : values()) {
      if (message.contains(error.text)) {
        return error;
      }
    }
    return message.contains("corruption") ? CORRUPTION : OTHER;
  }
}
