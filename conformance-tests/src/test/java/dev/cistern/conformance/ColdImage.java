package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An image with one layer that its number says all about: any upstream has it without storing. */
record ColdImage(int number) {
  private static final Pattern PATH =
      Pattern.compile("/v2/team/cold-(\\d+)/(manifests|blobs)/(.+)");

  /** Returns the last component of its repository. */
  String name() {
    return "cold-" + number;
  }

  byte[] blob() {
    return ("layer of " + name() + "\n").repeat(100).getBytes(UTF_8);
  }

  byte[] manifest() {
    byte[] blob = blob();
    return Samples.manifestOf(Samples.digest(blob), blob.length);
  }

  /** Answers for images in {@code team}, with the tag {@code v1}; for all else as usual. */
  static Answer answer(Received request) {
    Matcher path = PATH.matcher(request.path());
    if (!path.matches()) {
      return new Answer.Healthy();
    }
    var image = new ColdImage(Integer.parseInt(path.group(1)));
    boolean isManifest = path.group(2).equals("manifests");
    byte[] content = isManifest ? image.manifest() : image.blob();
    String digest = Samples.digest(content);
    if (!path.group(3).equals(digest) && !(isManifest && path.group(3).equals("v1"))) {
      return Answer.status(404);
    }
    String type = isManifest ? Samples.IMAGE : "application/octet-stream";
    return new Answer.Other(
        200,
        Map.of("Content-Type", type, "Docker-Content-Digest", digest),
        new String(content, UTF_8));
  }
}
