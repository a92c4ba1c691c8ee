package dev.cistern.mirror;

import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteManifest;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.storage.StoredManifest;

/** A manifest of an upstream or a push whose digest is verified, and its parsed content. */
public record ParsedManifest(StoredManifest stored, Manifest manifest) {
  /**
   * Verifies and parses the response of an upstream. A wrong or invalid manifest is returned as
   * unreachable.
   */
  static Answer<ParsedManifest> verified(RemoteManifest remote, Reference reference) {
    Digest wanted =
        reference instanceof Digest digest
            ? digest
            : remote.digest().orElseGet(() -> Digest.of(remote.bytes()));
    if (!Digest.of(wanted.algorithm(), remote.bytes()).equals(wanted)) {
      return new Answer.Unreachable<>("it sent a manifest that is not " + wanted);
    }
    try {
      Manifest manifest = Manifest.parse(remote.bytes(), remote.mediaType());
      return new Answer.Found<>(
          new ParsedManifest(
              new StoredManifest(wanted, manifest.mediaType(), remote.bytes()), manifest));
    } catch (OciException e) {
      return new Answer.Unreachable<>("it sent no valid manifest: " + e.message());
    }
  }
}
