package dev.cistern.server.cli.objects;

/**
 * How a tag is set.
 *
 * @param isAlias whether it follows its source
 * @param isReference whether it only points there, and nothing is imported
 * @param policy Source or Local
 * @param mode Legacy or PreserveOriginal
 */
public record TagOptions(
    boolean isAlias,
    boolean isReference,
    boolean isScheduled,
    boolean isInsecure,
    String policy,
    String mode) {}
