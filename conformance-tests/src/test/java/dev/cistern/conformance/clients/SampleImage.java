package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.GZIPOutputStream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An image for linux/amd64, which runs and says hello, and linux/arm64, tagged {@link #TAG} in a
 * layout, with a signature beside it as cosign makes them. Both platforms share a layer.
 *
 * @param index the digest of its index
 * @param amd64 the digest of the manifest for linux/amd64
 * @param arm64 the digest of the manifest for linux/arm64
 * @param signature the digest of the signature's manifest
 * @param contents the digests of all that the image consists of, without the signature
 */
record SampleImage(
    OciLayout layout,
    String index,
    String amd64,
    String arm64,
    String signature,
    Set<String> contents) {
  static final String TAG = "v1";
  static final String GREETING = "hello from amd64";
  static final String SIGNATURE_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json";

  private static final String OCI = "application/vnd.oci.image.";
  private static final String MANIFEST = OCI + "manifest.v1+json";
  private static final String SCRIPT = "#!/bin/sh\necho hello from $(cat /etc/arch)\n";
  private static final JsonMapper JSON = new JsonMapper();

  /** Writes it; without a busybox on this machine it is complete, but it does not run. */
  static SampleImage write(Path directory) {
    OciLayout layout = OciLayout.create(directory);
    byte[] shared =
        new Tar()
            .directory("etc")
            .file("etc/passwd", 0644, "root:x:0:0::/:/bin/sh\n".getBytes(US_ASCII))
            .directory("bin")
            .file("bin/hello", 0755, SCRIPT.getBytes(US_ASCII))
            .end();
    byte[] programs =
        new Tar()
            .directory("bin")
            .file("bin/busybox", 0755, busybox())
            .link("bin/sh", "busybox")
            .link("bin/cat", "busybox")
            .directory("etc")
            .file("etc/arch", 0644, "amd64\n".getBytes(US_ASCII))
            .end();
    byte[] nothing =
        new Tar().directory("etc").file("etc/arch", 0644, "arm64\n".getBytes(US_ASCII)).end();
    ObjectNode amd64 = platform(layout, "amd64", shared, programs);
    ObjectNode arm64 = platform(layout, "arm64", shared, nothing);
    ObjectNode index =
        JSON.createObjectNode().put("schemaVersion", 2).put("mediaType", OCI + "index.v1+json");
    index.putArray("manifests").add(amd64).add(arm64);
    ObjectNode image = layout.put(OCI + "index.v1+json", index);
    layout.tag(TAG, image);
    Set<String> contents = new TreeSet<>(layout.contents());
    ObjectNode signature = signature(layout);
    layout.tag(signatureTag(digest(image)), signature);
    return new SampleImage(
        layout, digest(image), digest(amd64), digest(arm64), digest(signature), contents);
  }

  /** Returns what skopeo calls the image. */
  String reference() {
    return layout.reference(TAG);
  }

  /** Returns the tag of its signature. */
  String signatureTag() {
    return signatureTag(index);
  }

  private static String signatureTag(String digest) {
    return digest.replace(':', '-') + ".sig";
  }

  private static ObjectNode platform(OciLayout layout, String architecture, byte[]... tars) {
    ObjectNode config =
        JSON.createObjectNode()
            .put("created", "1970-01-01T00:00:00Z")
            .put("architecture", architecture)
            .put("os", "linux");
    ObjectNode run = config.putObject("config");
    run.putArray("Env").add("PATH=/bin");
    run.putArray("Cmd").add("/bin/hello");
    ArrayNode diffs = config.putObject("rootfs").put("type", "layers").putArray("diff_ids");
    ArrayNode history = config.putArray("history");
    ArrayNode layers = JSON.createArrayNode();
    for (byte[] tar : tars) {
      diffs.add(OciLayout.digest(tar));
      history.addObject().put("created_by", "a test");
      layers.add(layout.put(OCI + "layer.v1.tar+gzip", gzip(tar)));
    }
    ObjectNode descriptor = manifest(layout, layout.put(OCI + "config.v1+json", config), layers);
    descriptor.putObject("platform").put("architecture", architecture).put("os", "linux");
    return descriptor;
  }

  private static ObjectNode signature(OciLayout layout) {
    ObjectNode payload = layout.put(SIGNATURE_LAYER, "{\"critical\":{}}".getBytes(UTF_8));
    payload.putObject("annotations").put("dev.cosignproject.cosign/signature", "c2ln");
    ObjectNode config = JSON.createObjectNode().put("architecture", "").put("os", "");
    config.putObject("config");
    config.putObject("rootfs").put("type", "layers").putArray("diff_ids").add(digest(payload));
    return manifest(
        layout, layout.put(OCI + "config.v1+json", config), JSON.createArrayNode().add(payload));
  }

  private static ObjectNode manifest(OciLayout layout, ObjectNode config, ArrayNode layers) {
    ObjectNode manifest =
        JSON.createObjectNode().put("schemaVersion", 2).put("mediaType", MANIFEST);
    manifest.set("config", config);
    manifest.set("layers", layers);
    return layout.put(MANIFEST, manifest);
  }

  private static String digest(ObjectNode descriptor) {
    return descriptor.path("digest").asString();
  }

  private static byte[] busybox() {
    Optional<Path> program = Clients.busybox();
    try {
      return program.isPresent() ? Files.readAllBytes(program.get()) : new byte[1 << 20];
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] gzip(byte[] content) {
    var zipped = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(zipped)) {
      gzip.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return zipped.toByteArray();
  }
}
