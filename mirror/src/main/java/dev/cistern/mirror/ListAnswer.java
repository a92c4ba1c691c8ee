package dev.cistern.mirror;

import java.util.List;

/** A page of a list, and how the cache determined it. */
public record ListAnswer<T>(List<T> entries, CacheStatus status) {
  public ListAnswer {
    entries = List.copyOf(entries);
  }
}
