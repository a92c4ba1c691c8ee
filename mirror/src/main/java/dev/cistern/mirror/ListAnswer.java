package dev.cistern.mirror;

import java.util.List;

/** A part of a list, and what the cache did to know it. */
public record ListAnswer<T>(List<T> entries, CacheStatus status) {
  public ListAnswer {
    entries = List.copyOf(entries);
  }
}
