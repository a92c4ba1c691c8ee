package dev.cistern.server.cli.objects;

/**
 * Style of a table of objects.
 *
 * @param kind the prefix of names; "" for none
 * @param isWide whether the additional columns of the wide format are shown
 */
public record TableStyle(String kind, boolean hasNamespace, boolean isWide, boolean hasLabels) {}
