package dev.cistern.auth.access;

import dev.cistern.oci.Texts;
import java.util.Comparator;
import java.util.List;

/** A user or group in a {@link Binding}. A service account is the user of its full name. */
public record Subject(Kind kind, String name) implements Comparable<Subject> {
  private static final Comparator<Subject> ORDER =
      Comparator.comparing(Subject::kind).thenComparing(Subject::name);

  private static final List<String> IMPLICIT =
      List.of(Principal.SERVICE_ACCOUNTS, Principal.AUTHENTICATED, Principal.UNAUTHENTICATED);

  public enum Kind {
    USER,
    GROUP
  }

  /**
   * @throws AccessException if the name is invalid
   */
  public Subject {
    Names.checked("name of a " + (kind == Kind.USER ? "user" : "group"), name);
  }

  public static Subject user(String name) {
    return new Subject(Kind.USER, name);
  }

  public static Subject group(String name) {
    return new Subject(Kind.GROUP, name);
  }

  /**
   * Returns the user or service account of this name. Of the names that begin with {@code system:},
   * only service accounts and {@code system:anonymous} are valid.
   *
   * @throws AccessException if there can be no such user
   */
  public static Subject possibleUser(String name) {
    if (Names.isReserved(name)
        && !name.equals(Principal.ANONYMOUS.name())
        && Principal.serviceAccount(name).isEmpty()) {
      throw new AccessException(
          "there can be no user "
              + Texts.shown(name)
              + ": of system: there are system:serviceaccount:NAMESPACE:NAME and system:anonymous");
    }
    return user(name);
  }

  /**
   * Returns the group of this name. Of the names that begin with {@code system:}, only those of the
   * four implicit groups are valid.
   *
   * @throws AccessException if there can be no such group
   */
  public static Subject possibleGroup(String name) {
    if (Names.isReserved(name)
        && !IMPLICIT.contains(name)
        && Principal.namespaceOf(name).isEmpty()) {
      throw new AccessException(
          "there can be no group "
              + Texts.shown(name)
              + ": of system: there are system:serviceaccounts:NAMESPACE, "
              + String.join(", ", IMPLICIT));
    }
    return group(name);
  }

  /**
   * Returns a service account, by its full name.
   *
   * @throws AccessException if there can be no such service account
   */
  public static Subject serviceAccount(String namespace, String name) {
    return user(Principal.serviceAccount(namespace, name).name());
  }

  @Override
  public int compareTo(Subject other) {
    return ORDER.compare(this, other);
  }
}
