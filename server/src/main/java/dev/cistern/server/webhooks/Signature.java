package dev.cistern.server.webhooks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The signature of notifications. With it, receivers verify the sender and detect replays (Standard
 * Webhooks, "Signature scheme": symmetric, {@code v1}).
 */
public final class Signature {
  private static final String PREFIX = "whsec_";
  private static final String HASH = "HmacSHA256";
  private static final int SHORTEST = 24;
  private static final int LONGEST = 64;

  private final SecretKeySpec key;

  private Signature(SecretKeySpec key) {
    this.key = key;
  }

  /**
   * Reads the key: {@code whsec_} and 24 to 64 bytes in base64.
   *
   * @throws IOException if the file cannot be read or has other content
   */
  public static Signature read(Path file) throws IOException {
    String text = Files.readString(file).strip();
    try {
      byte[] secret =
          text.startsWith(PREFIX)
              ? Base64.getDecoder().decode(text.substring(PREFIX.length()))
              : new byte[0];
      if (secret.length >= SHORTEST && secret.length <= LONGEST) {
        return new Signature(new SecretKeySpec(secret, HASH));
      }
    } catch (IllegalArgumentException e) {
      // Not base64: refused like a key that is too short.
    }
    throw new IOException(
        file + ": " + PREFIX + " and 24 to 64 bytes in base64 are expected, on one line");
  }

  /**
   * Returns the value of {@code webhook-signature}.
   *
   * @param seconds the time of sending, in seconds since 1970
   */
  String of(String id, long seconds, String body) {
    try {
      var mac = Mac.getInstance(HASH);
      mac.init(key);
      byte[] signed = mac.doFinal((id + "." + seconds + "." + body).getBytes(UTF_8));
      return "v1," + Base64.getEncoder().encodeToString(signed);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has " + HASH, e);
    }
  }
}
