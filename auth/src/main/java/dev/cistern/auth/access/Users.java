package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The users of an Apache {@code htpasswd} file, with bcrypt hashes only. Immutable and thread-safe.
 */
public final class Users {
  /** No users. */
  public static final Users NONE = new Users(Map.of(), 0);

  /** The maximum length of a password in characters; bcrypt itself uses 72 bytes of it. */
  private static final int LONGEST_PASSWORD = 1024;

  private static final int BCRYPT_BYTES = 72;
  private static final int LEAST_COST = 4;
  private static final int MOST_COST = 16;
  private static final String RIGHT = "; a line is NAME:HASH, as htpasswd -nB NAME writes it";
  private static final Pattern HASH = Pattern.compile("\\$2[aby]\\$([0-9]{2})\\$[./A-Za-z0-9]{53}");

  private final Map<String, String> hashes;
  private final String hashOfNobody;

  private Users(Map<String, String> hashes, int highestCost) {
    this.hashes = hashes;
    this.hashOfNobody = "$2y$%02d$".formatted(Math.max(LEAST_COST, highestCost)) + ".".repeat(53);
  }

  /**
   * Reads the text of a file. Empty lines and lines that begin with # are ignored.
   *
   * @param file the name of the file, for messages
   * @throws AccessException if a line is invalid. The message names file and line, but does not
   *     show the line, because hash and name may be interchanged.
   */
  public static Users parse(String text, String file) {
    var hashes = new HashMap<String, String>();
    int highestCost = 0;
    int number = 0;
    for (String untrimmed : text.lines().toList()) {
      number++;
      String line = untrimmed.strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String where = file + ":" + number + ": ";
      int colon = line.indexOf(':');
      if (colon < 0) {
        throw new AccessException(where + "there is no colon" + RIGHT);
      }
      String name = name(line.substring(0, colon), where);
      String hash = line.substring(colon + 1);
      highestCost = Math.max(highestCost, cost(hash, where));
      if (hashes.put(name, hash) != null) {
        throw new AccessException(where + "this user is there already; a user has one line");
      }
    }
    return new Users(Map.copyOf(hashes), highestCost);
  }

  private static String name(String name, String where) {
    Optional<String> problem =
        Names.isReserved(name)
            ? Optional.of("only this server's own begin with " + Names.RESERVED)
            : Names.problem(name);
    if (problem.isPresent()) {
      throw new AccessException(
          where + "what is before the colon is not a name of a user: " + problem.get());
    }
    return name;
  }

  private static int cost(String hash, String where) {
    Matcher matcher = HASH.matcher(hash);
    if (!matcher.matches()) {
      throw new AccessException(where + "there is no bcrypt hash, and no other is taken" + RIGHT);
    }
    int cost = Integer.parseInt(matcher.group(1));
    if (cost < LEAST_COST || cost > MOST_COST) {
      throw new AccessException(
          "%sthe bcrypt hash is of cost %d; it must be %d to %d, as htpasswd -nB -C 10 NAME makes it"
              .formatted(where, cost, LEAST_COST, MOST_COST));
    }
    return cost;
  }

  /**
   * Returns the user if the password is right. Takes milliseconds to seconds of CPU time, for an
   * unknown name too.
   */
  public Optional<Principal> verify(String name, String password) {
    if (password.length() > LONGEST_PASSWORD || password.indexOf('\0') >= 0) {
      return Optional.empty();
    }
    String hash = hashes.getOrDefault(name, hashOfNobody);
    boolean isRight =
        BCrypt.verifyer(BCrypt.Version.VERSION_2Y_NO_NULL_TERMINATOR)
            .verify(key(password), hash.getBytes(US_ASCII))
            .verified;
    return isRight && hashes.containsKey(name)
        ? Optional.of(Principal.user(name))
        : Optional.empty();
  }

  /** Returns the bytes of a password that bcrypt uses: as in C, including the terminating NUL. */
  private static byte[] key(String password) {
    byte[] bytes = password.getBytes(UTF_8);
    return Arrays.copyOf(bytes, Math.min(bytes.length + 1, BCRYPT_BYTES));
  }

  /**
   * Returns a short text that changes when the user's password is set again; empty if there is no
   * such user. It does not reveal the password or its hash.
   */
  public Optional<String> stamp(String name) {
    return Optional.ofNullable(hashes.get(name)).map(hash -> stamp(name, hash));
  }

  private static String stamp(String name, String hash) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest((name + ":" + hash).getBytes(UTF_8));
      return Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(digest, 12));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every Java has SHA-256", impossible);
    }
  }

  public boolean isEmpty() {
    return hashes.isEmpty();
  }

  /** Returns the number of users, but neither their names nor their hashes. */
  @Override
  public String toString() {
    return hashes.size() + " users";
  }
}
