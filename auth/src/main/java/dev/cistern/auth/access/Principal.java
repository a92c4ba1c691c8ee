package dev.cistern.auth.access;

import dev.cistern.oci.Texts;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The user or service account that a request comes from, or the anonymous principal.
 *
 * @param groups the implicit groups and those that the caller's issuer asserts; the {@link Policy}
 *     knows the groups of this server's Group objects
 * @param hasAllGroups whether the principal is in no other groups, whatever Group objects list
 */
public record Principal(String name, Set<String> groups, boolean hasAllGroups) {
  private static final String SERVICE_ACCOUNT = "system:serviceaccount:";
  static final String UNAUTHENTICATED = "system:unauthenticated";
  static final String AUTHENTICATED = "system:authenticated";
  static final String SERVICE_ACCOUNTS = "system:serviceaccounts";

  /** The two parts of a service account's full name. */
  record ServiceAccountName(String namespace, String name) {}

  /** The principal of clients that send no credentials. */
  public static final Principal ANONYMOUS =
      new Principal("system:anonymous", Set.of(UNAUTHENTICATED));

  /**
   * @throws AccessException if a name is empty, longer than 255 characters or has control
   *     characters
   */
  public Principal {
    Names.checked("name of a principal", name);
    groups.forEach(group -> Names.checked("name of a group", group));
    groups = Set.copyOf(groups);
  }

  private Principal(String name, Set<String> groups) {
    this(name, groups, false);
  }

  /**
   * Returns the authenticated user of this name.
   *
   * @throws AccessException if there can be no such user: the name begins with {@code system:}, is
   *     empty, is too long, or has control characters
   */
  public static Principal user(String name) {
    return new Principal(Names.notReserved("name of a user", name), Set.of(AUTHENTICATED));
  }

  /**
   * Returns {@code system:serviceaccount:NAMESPACE:NAME}.
   *
   * @param namespace the first path component of a repository's name
   * @throws AccessException if there can be no such namespace or service account
   */
  public static Principal serviceAccount(String namespace, String name) {
    if (!Names.isNamespace(namespace) || !Names.isServiceAccount(name)) {
      throw new AccessException(
          "not a service account: namespace "
              + Texts.shown(namespace)
              + ", name "
              + Texts.shown(name)
              + ": both are of a-z 0-9 - . and begin and end with a letter or digit");
    }
    return new Principal(
        SERVICE_ACCOUNT + namespace + ":" + name,
        Set.of(AUTHENTICATED, SERVICE_ACCOUNTS, serviceAccountsOf(namespace)));
  }

  /**
   * Returns the principal of a name that was not authenticated: a user, a service account, or
   * {@code system:anonymous}.
   *
   * @throws AccessException if the name is invalid
   */
  static Principal named(String name) {
    return name.equals(ANONYMOUS.name)
        ? ANONYMOUS
        : serviceAccount(name).orElseGet(() -> new Principal(name, Set.of(AUTHENTICATED)));
  }

  /**
   * Returns the service account of a full name; empty if the name is not that of a service account.
   */
  public static Optional<Principal> serviceAccount(String fullName) {
    return serviceAccountName(fullName).map(name -> serviceAccount(name.namespace(), name.name()));
  }

  /** Returns the parts of the full name of a service account; empty if the name is not one. */
  static Optional<ServiceAccountName> serviceAccountName(String fullName) {
    if (!fullName.startsWith(SERVICE_ACCOUNT)) {
      return Optional.empty();
    }
    String rest = fullName.substring(SERVICE_ACCOUNT.length());
    int colon = rest.indexOf(':');
    if (colon < 0) {
      return Optional.empty();
    }
    String namespace = rest.substring(0, colon);
    String name = rest.substring(colon + 1);
    return Names.isNamespace(namespace) && Names.isServiceAccount(name)
        ? Optional.of(new ServiceAccountName(namespace, name))
        : Optional.empty();
  }

  /** Returns the namespace whose service accounts are in a group; empty if it is another group. */
  static Optional<String> namespaceOf(String group) {
    return group.startsWith(SERVICE_ACCOUNTS + ":")
        ? Optional.of(group.substring(SERVICE_ACCOUNTS.length() + 1)).filter(Names::isNamespace)
        : Optional.empty();
  }

  /** Returns the group that all service accounts of a namespace are in. */
  static String serviceAccountsOf(String namespace) {
    return SERVICE_ACCOUNTS + ":" + namespace;
  }

  /**
   * Returns a copy of this principal that is also in these groups.
   *
   * @throws AccessException if one of them begins with {@code system:} or is invalid
   */
  public Principal with(Collection<String> more) {
    var all = new TreeSet<>(groups);
    more.forEach(group -> all.add(Names.notReserved("name of a group", group)));
    return new Principal(name, all, hasAllGroups);
  }

  /** Returns the groups that do not follow from the name: those that {@link #with} added. */
  Set<String> ownGroups() {
    var own = new TreeSet<>(groups);
    own.removeIf(Names::isReserved);
    return own;
  }

  public boolean isAnonymous() {
    return equals(ANONYMOUS);
  }

  @Override
  public String toString() {
    return name;
  }
}
