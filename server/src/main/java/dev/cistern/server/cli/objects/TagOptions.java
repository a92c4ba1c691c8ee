package dev.cistern.server.cli.objects;

/**
 * Options for setting a tag.
 *
 * @param isAlias whether the tag follows its source
 * @param isReference whether the tag only refers to its source, without an import
 * @param policy the reference policy, Source or Local
 * @param mode the import mode, Legacy or PreserveOriginal
 */
public record TagOptions(
    boolean isAlias,
    boolean isReference,
    boolean isScheduled,
    boolean isInsecure,
    String policy,
    String mode) {}
