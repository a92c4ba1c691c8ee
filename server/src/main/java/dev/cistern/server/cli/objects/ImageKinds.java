package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;

/** The kinds of objects that the commands for image streams use. */
public final class ImageKinds {
  private static final String GROUP = "image.openshift.io";

  public static final ResourceType STREAM = Kinds.IMAGE_STREAM;
  public static final ResourceType TAG =
      ResourceType.namespaced(GROUP, "v1", "imagestreamtags", "ImageStreamTag", "istag");
  public static final ResourceType IMPORT =
      ResourceType.namespaced(GROUP, "v1", "imagestreamimports", "ImageStreamImport");

  private ImageKinds() {}
}
