package dev.cistern.server.config;

import dev.cistern.base.MemoryBudget;
import dev.cistern.server.http.HttpLimits;
import java.util.OptionalLong;

/** The parser of {@code limits:}, the limits for clients. */
final class LimitsSection {
  private static final int MOST = 1_000_000;

  private LimitsSection() {}

  /**
   * Reads the section; {@code before} has the values of absent keys. The default of {@code
   * connectionsPerClient} is the value of {@code connections}.
   */
  static HttpLimits read(Section section, HttpLimits before) {
    int connections = section.count("connections", MOST).orElse(before.connections());
    var limits =
        new HttpLimits(
            connections,
            section.count("connectionsPerClient", connections).orElse(connections),
            section.count("requestsPerClient", MOST).orElse(before.requestsPerClient()),
            section.pause("handshake").orElse(before.handshake()),
            section.pause("header").orElse(before.head()),
            section.pause("idle").orElse(before.idle()),
            memory(section).orElse(before.memory()));
    section.end();
    return limits;
  }

  private static OptionalLong memory(Section section) {
    OptionalLong memory = section.size("memory");
    long heap = Runtime.getRuntime().maxMemory();
    if (memory.isPresent()
        && (memory.getAsLong() < MemoryBudget.MIN_BYTES || memory.getAsLong() > heap)) {
      throw section.wrong(
          "memory",
          "at least %d MiB and at most the heap, %d MiB, is expected"
              .formatted(MemoryBudget.MIN_BYTES >> 20, heap >> 20));
    }
    return memory;
  }
}
