package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.crypto.KeyAgreement;

/**
 * One EC key on the curve P-256, for ES256.
 *
 * @param id the thumbprint of the key (RFC 7638)
 */
record SigningKey(String id, JWSSigner signer, JWSVerifier verifier) {
  private static final String BEGIN = "-----BEGIN PRIVATE KEY-----";
  private static final String END = "-----END PRIVATE KEY-----";
  private static final String ALGORITHM = "EC";

  /** Returns the content of a PEM file with a new key. */
  static String generate() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance(ALGORITHM);
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      byte[] encoded = generator.generateKeyPair().getPrivate().getEncoded();
      String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded);
      return BEGIN + "\n" + body + "\n" + END + "\n";
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("this Java has no P-256", impossible);
    }
  }

  /**
   * Reads the content of a PEM file.
   *
   * @throws GeneralSecurityException if it is not one P-256 key in PKCS#8; the message has the
   *     reason
   */
  static SigningKey parse(String pem) throws GeneralSecurityException {
    int begin = pem.indexOf(BEGIN);
    int end = pem.indexOf(END);
    if (begin < 0 || end < begin || pem.indexOf(BEGIN, begin + 1) >= 0) {
      throw new GeneralSecurityException("it has not one line " + BEGIN + " with its END");
    }
    String body = pem.substring(begin + BEGIN.length(), end).replaceAll("\\s", "");
    byte[] encoded;
    try {
      encoded = Base64.getDecoder().decode(body);
    } catch (IllegalArgumentException notBase64) {
      throw new GeneralSecurityException("what is between the lines is not base64", notBase64);
    }
    PrivateKey key =
        KeyFactory.getInstance(ALGORITHM).generatePrivate(new PKCS8EncodedKeySpec(encoded));
    if (!(key instanceof ECPrivateKey ecKey)
        || !Curve.P_256.equals(Curve.forECParameterSpec(ecKey.getParams()))) {
      throw new GeneralSecurityException("its curve is not P-256");
    }
    return of(ecKey);
  }

  private static SigningKey of(ECPrivateKey key) throws GeneralSecurityException {
    ECPublicKey publicKey = publicKey(key);
    try {
      String id = new ECKey.Builder(Curve.P_256, publicKey).build().computeThumbprint().toString();
      return new SigningKey(id, new ECDSASigner(key), new ECDSAVerifier(publicKey));
    } catch (JOSEException unusable) {
      throw new GeneralSecurityException("it cannot sign", unusable);
    }
  }

  /**
   * Returns the public key, which a file of a private key need not contain. Java does not compute
   * it. However, the key agreement of a private key with the curve's generator is the x coordinate
   * of the public point. Two y coordinates are possible; verifying a signature finds the right one.
   */
  private static ECPublicKey publicKey(ECPrivateKey key) throws GeneralSecurityException {
    ECParameterSpec curve = key.getParams();
    KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
    agreement.init(key);
    agreement.doPhase(publicKey(curve, curve.getGenerator()), true);
    var x = new BigInteger(1, agreement.generateSecret());
    BigInteger prime = ((ECFieldFp) curve.getCurve().getField()).getP();
    BigInteger square =
        x.pow(3).add(curve.getCurve().getA().multiply(x)).add(curve.getCurve().getB());
    BigInteger y = square.modPow(prime.add(BigInteger.ONE).shiftRight(2), prime);
    ECPublicKey one = publicKey(curve, new ECPoint(x, y));
    return isPair(key, one) ? one : publicKey(curve, new ECPoint(x, prime.subtract(y)));
  }

  private static ECPublicKey publicKey(ECParameterSpec curve, ECPoint point)
      throws GeneralSecurityException {
    return (ECPublicKey)
        KeyFactory.getInstance(ALGORITHM).generatePublic(new ECPublicKeySpec(point, curve));
  }

  private static boolean isPair(ECPrivateKey key, ECPublicKey candidate)
      throws GeneralSecurityException {
    byte[] text = "which y".getBytes(US_ASCII);
    Signature signature = Signature.getInstance("SHA256withECDSA");
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(candidate);
    signature.update(text);
    return signature.verify(signed);
  }

  @Override
  public String toString() {
    return id;
  }
}
