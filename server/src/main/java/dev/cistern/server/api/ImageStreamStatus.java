package dev.cistern.server.api;

import dev.cistern.auth.access.Verb;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.StreamEditor;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * The resource {@code imagestreams/status}: the history of a stream's tags, for pruners to shorten.
 */
final class ImageStreamStatus implements Resource.Updates {
  private static final ResourceType TYPE =
      new ResourceType(
          Kinds.IMAGE_STREAM.group(),
          Kinds.IMAGE_STREAM.version(),
          "imagestreams/status",
          "",
          Kinds.IMAGE_STREAM.kind(),
          true,
          List.of());

  private final StreamEditor editor;

  ImageStreamStatus(StreamEditor editor) {
    this.editor = editor;
  }

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public Access access() {
    return new Access(Optional.of(Verb.READ), Optional.of(Verb.DELETE), Verb.DELETE, Verb.DELETE);
  }

  @Override
  public Updated update(Call call, Edit edit) throws IOException {
    return new Updated(
        editor
            .updateStatus(
                call.requiredNamespace(),
                call.requiredName(),
                before -> edit.apply(before.shown(call.registry())),
                call.isDryRun())
            .shown(call.registry()),
        false);
  }
}
