package dev.cistern.server.cli.objects;

import java.util.Optional;

/**
 * How an image stream is imported.
 *
 * @param from where the image is; empty for where the stream says
 * @param isInsecure {@code --insecure}, if it was given
 * @param policy Source or Local
 * @param mode Legacy or PreserveOriginal
 */
public record ImportOptions(
    String from,
    boolean isConfirmed,
    boolean isAll,
    boolean isScheduled,
    Optional<Boolean> isInsecure,
    String policy,
    String mode,
    boolean isDryRun) {}
