package dev.cistern.server.cli.objects;

/**
 * How rows of objects look.
 *
 * @param kind before names; "" for nothing
 * @param isWide whether columns are shown that are usually not
 */
public record TableStyle(String kind, boolean hasNamespace, boolean isWide, boolean hasLabels) {}
