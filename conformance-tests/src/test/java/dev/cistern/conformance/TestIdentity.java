package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A key and its self-signed certificate for 127.0.0.1 and localhost, made for one run.
 *
 * @param caFile the certificate in PEM
 * @param keyFile the key in PEM
 * @param demandsClients whether a server with it wants a certificate of its clients
 */
public record TestIdentity(
    SSLContext context, KeyStore keys, Path caFile, Path keyFile, boolean demandsClients) {
  private static final String ALIAS = "upstream";
  private static final String PASSWORD = "changeit";

  public static TestIdentity make(Path directory) {
    return make(directory, "ca");
  }

  /** Makes one whose files begin with {@code name}, for these addresses too. */
  public static TestIdentity make(Path directory, String name, String... addresses) {
    try {
      Path store = directory.resolve(name + ".p12");
      keytool(store, addresses);
      var keys = KeyStore.getInstance("PKCS12");
      try (InputStream in = Files.newInputStream(store)) {
        keys.load(in, PASSWORD.toCharArray());
      }
      Path certificate = directory.resolve(name + ".pem");
      Path key = directory.resolve(name + ".key");
      Files.writeString(certificate, pem("CERTIFICATE", keys.getCertificate(ALIAS).getEncoded()));
      byte[] secret = keys.getKey(ALIAS, PASSWORD.toCharArray()).getEncoded();
      Files.writeString(key, pem("PRIVATE KEY", secret));
      return new TestIdentity(context(keys, null), keys, certificate, key, false);
    } catch (IOException | InterruptedException | GeneralSecurityException e) {
      throw new AssertionError("no identity could be made", e);
    }
  }

  /** Returns this identity for a server that lets in only clients with the certificate of one. */
  TestIdentity demanding(TestIdentity client) {
    try {
      return new TestIdentity(context(keys, client.trust()), keys, caFile, keyFile, true);
    } catch (IOException | GeneralSecurityException e) {
      throw new AssertionError("no identity could be made", e);
    }
  }

  /** Returns what a client has that trusts only this, and shows no certificate. */
  public SSLContext trusting() {
    try {
      var context = SSLContext.getInstance("TLS");
      context.init(null, trust(), null);
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw new AssertionError("no context could be made", e);
    }
  }

  /** Returns what a client has that trusts only this, and shows the certificate of {@code own}. */
  SSLContext trusting(TestIdentity own) {
    try {
      return context(own.keys, trust());
    } catch (IOException | GeneralSecurityException e) {
      throw new AssertionError("no context could be made", e);
    }
  }

  private TrustManager[] trust() throws IOException, GeneralSecurityException {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("trusted", keys.getCertificate(ALIAS));
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    return trust.getTrustManagers();
  }

  private static SSLContext context(KeyStore keys, TrustManager @Nullable [] trust)
      throws GeneralSecurityException {
    var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD.toCharArray());
    var context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), trust, null);
    return context;
  }

  private static String pem(String label, byte[] content) {
    return "-----BEGIN "
        + label
        + "-----\n"
        + Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(content)
        + "\n-----END "
        + label
        + "-----\n";
  }

  private static void keytool(Path store, String... addresses)
      throws IOException, InterruptedException {
    String more =
        Stream.of(addresses).map(address -> ",ip:" + address).collect(Collectors.joining());
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                ALIAS,
                "-keyalg",
                "EC",
                "-dname",
                "CN=upstream",
                "-ext",
                "san=ip:127.0.0.1,dns:localhost" + more,
                "-ext",
                "bc:c",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    if (!keytool.waitFor(30, TimeUnit.SECONDS) || keytool.exitValue() != 0) {
      keytool.destroyForcibly();
      throw new IOException("keytool failed");
    }
  }
}
