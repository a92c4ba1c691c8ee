package dev.cistern.oci;

import java.util.Locale;
import java.util.regex.Pattern;

/** A media type without parameters (RFC 6838), such as that of a manifest. */
public record MediaType(String name) {
  private static final String TOKEN = "[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}";
  private static final Pattern FORMAT = Pattern.compile(TOKEN + "/" + TOKEN);

  public static final MediaType OCI_IMAGE =
      new MediaType("application/vnd.oci.image.manifest.v1+json");
  public static final MediaType OCI_INDEX =
      new MediaType("application/vnd.oci.image.index.v1+json");
  public static final MediaType DOCKER_IMAGE =
      new MediaType("application/vnd.docker.distribution.manifest.v2+json");
  public static final MediaType DOCKER_LIST =
      new MediaType("application/vnd.docker.distribution.manifest.list.v2+json");
  public static final MediaType OCTET_STREAM = new MediaType("application/octet-stream");
  public static final MediaType JSON = new MediaType("application/json");

  public MediaType {
    if (!FORMAT.matcher(name).matches()) {
      throw new OciException(ErrorCode.MANIFEST_INVALID, "not a media type: " + Texts.shown(name));
    }
  }

  /**
   * Parses the value of a Content-Type header. Parameters are dropped, and letters become lower
   * case.
   */
  public static MediaType parse(String text) {
    int semicolon = text.indexOf(';');
    String type = semicolon < 0 ? text : text.substring(0, semicolon);
    return new MediaType(type.strip().toLowerCase(Locale.ROOT));
  }

  /** Returns whether this is the type of an image manifest, OCI's or Docker's. */
  public boolean isImage() {
    return equals(OCI_IMAGE) || equals(DOCKER_IMAGE);
  }

  /** Returns whether this is the type of an index, OCI's or Docker's manifest list. */
  public boolean isIndex() {
    return equals(OCI_INDEX) || equals(DOCKER_LIST);
  }

  /** Returns whether this is the type of a manifest that this registry stores. */
  public boolean isManifest() {
    return isImage() || isIndex();
  }

  /**
   * Returns whether this is the type of a layer that may not be distributed. Registries do not have
   * such layers (image specification, "Non-Distributable Layers"; Docker's "foreign" layers).
   */
  public boolean isNonDistributable() {
    return name.startsWith("application/vnd.oci.image.layer.nondistributable.")
        || name.startsWith("application/vnd.docker.image.rootfs.foreign.");
  }

  @Override
  public String toString() {
    return name;
  }
}
