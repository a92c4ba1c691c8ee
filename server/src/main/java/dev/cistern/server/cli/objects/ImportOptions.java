package dev.cistern.server.cli.objects;

import java.util.Optional;

/**
 * Options for the import of an image stream.
 *
 * @param from the pull spec of the image; empty for the source that the stream has
 * @param isInsecure the value of {@code --insecure}, if it was given
 * @param policy the reference policy, Source or Local
 * @param mode the import mode, Legacy or PreserveOriginal
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
