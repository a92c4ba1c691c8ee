package dev.cistern.oci;

/** What an image runs on: {@code linux/arm64} or {@code linux/arm/v7}; empty texts where unsaid. */
public record Platform(String os, String architecture, String variant) {
  @Override
  public String toString() {
    String base = os + "/" + architecture;
    return variant.isEmpty() ? base : base + "/" + variant;
  }
}
