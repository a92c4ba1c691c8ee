package dev.cistern.server.registry;

import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.ManifestAnswer;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.ParsedManifest;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.server.streams.StreamPushes;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.StoredManifest;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** {@code /v2/NAME/manifests/REFERENCE}: GET, HEAD, PUT, DELETE (end-3, end-7, end-9). */
final class ManifestEndpoint {
  private final Repositories repositories;
  private final Mirror mirror;
  private final StreamPushes streams;
  private final Optional<String> knownAs;
  private final HotContent hot;
  private final InstantSource clock;

  ManifestEndpoint(
      Repositories repositories,
      Mirror mirror,
      StreamPushes streams,
      Optional<String> knownAs,
      HotContent hot,
      InstantSource clock) {
    this.repositories = repositories;
    this.mirror = mirror;
    this.streams = streams;
    this.knownAs = knownAs;
    this.hot = hot;
    this.clock = clock;
  }

  Reply get(Location location, Reference reference, Request request) throws IOException {
    long version = hot.version(location.repository(), location.copies());
    ManifestAnswer answer = mirror.manifest(location, reference);
    StoredManifest manifest = answer.manifest();
    Runnable use = () -> repositories.used(location.repository(), manifest.digest());
    use.run();
    var content =
        new Content(
            manifest.digest(),
            manifest.mediaType(),
            manifest.bytes().length,
            new Content.Source.Memory(manifest.bytes()));
    if (answer.status().outcome() == CacheStatus.Outcome.HIT && isStill(location, reference)) {
      hot.keep(
          request,
          new HotContent.Entry(
              location.repository(),
              location.copies(),
              reference.toString(),
              version,
              use,
              answer.status().fresh().map(clock.instant()::plus),
              location.namespace(),
              answer.status(),
              content));
    }
    Reply reply = content.reply(request).cache(answer.status());
    location.namespace().ifPresent(namespace -> reply.header("OCI-Namespace", namespace));
    return reply;
  }

  /**
   * Returns whether a tag of an image stream still points where it did at the start of the request.
   */
  private boolean isStill(Location location, Reference reference) {
    return location.tags().isEmpty()
        || mirror
            .locate(location.repository(), Optional.empty(), Optional.empty())
            .resolved(reference)
            .equals(location.resolved(reference));
  }

  /**
   * Stores a manifest. Tags that point to another manifest are moved only if {@code mayOverwrite}.
   */
  Reply put(RepositoryName repository, Reference reference, boolean mayOverwrite, Request request)
      throws IOException {
    List<Tag> tags = new ArrayList<>();
    List<String> tagParameters = request.query().all("tag");
    tagParameters.forEach(tag -> tags.add(new Tag(tag)));
    byte[] bytes = request.content(Manifest.MAX_BYTES, ErrorCode.SIZE_INVALID);
    request.parses(bytes);
    Manifest manifest = Manifest.parse(bytes, request.header("Content-Type").map(MediaType::parse));
    Digest digest = digest(reference, bytes);
    request.changes(streams.memory(repository));
    if (reference instanceof Tag tag) {
      tags.add(tag);
    }
    var pushed =
        new ParsedManifest(new StoredManifest(digest, manifest.mediaType(), bytes), manifest);
    String registry = knownAs.or(() -> request.header("Host")).orElse("localhost");
    streams.pushed(
        repository,
        pushed,
        tags,
        registry,
        mayOverwrite,
        edits ->
            repositories.put(
                repository, pushed.stored(), manifest, tags, Origin.PUSHED, mayOverwrite, edits));
    Reply reply =
        Reply.status(201)
            .header("Location", "/v2/" + repository + "/manifests/" + digest)
            .header("Docker-Content-Digest", digest.toString());
    manifest.subject().ifPresent(subject -> reply.header("OCI-Subject", subject.toString()));
    tagParameters.forEach(tag -> reply.header("OCI-Tag", tag));
    return reply;
  }

  Reply delete(RepositoryName repository, Reference reference) throws IOException {
    if (!streams.delete(repository, reference)) {
      throw new OciException(
          ErrorCode.MANIFEST_UNKNOWN, "no manifest " + reference + " in repository " + repository);
    }
    return Reply.status(202);
  }

  private static Digest digest(Reference reference, byte[] bytes) {
    if (!(reference instanceof Digest wanted)) {
      return Digest.of(bytes);
    }
    Digest actual = Digest.of(wanted.algorithm(), bytes);
    if (!actual.equals(wanted)) {
      throw new OciException(
          ErrorCode.DIGEST_INVALID,
          "the manifest is " + actual + ", not " + wanted,
          "put it under the digest of its bytes, or under a tag");
    }
    return wanted;
  }
}
