package dev.cistern.auth.access;

import java.util.Comparator;

/** Whom a {@link Binding} is for. A service account is the user of its full name. */
public record Subject(Kind kind, String name) implements Comparable<Subject> {
  private static final Comparator<Subject> ORDER =
      Comparator.comparing(Subject::kind).thenComparing(Subject::name);

  public enum Kind {
    USER,
    GROUP
  }

  /**
   * @throws AccessException if there can be no such name
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
