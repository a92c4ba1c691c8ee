package dev.cistern.auth.access;

import java.util.Optional;

/**
 * One name that a request asks to act under, as in the check of its permission: the verb {@code
 * impersonate} on a Kubernetes resource ("User impersonation").
 *
 * @param group the API group
 * @param resource the resource, such as {@code users} or {@code userextras/scopes}
 * @param name the user, group, service account, UID or value
 * @param namespace the namespace of a service account; empty for other resources
 */
public record ImpersonationTarget(
    String group, String resource, String name, Optional<String> namespace) {
  private static final String AUTHENTICATION = "authentication.k8s.io";
  private static final String SERVICE_ACCOUNTS = "serviceaccounts";

  /** Returns the target for the user or service account of this name. */
  static ImpersonationTarget user(String name) {
    return Principal.serviceAccountName(name)
        .map(account ->
            new ImpersonationTarget(
                "", SERVICE_ACCOUNTS, account.name(), Optional.of(account.namespace())))
        .orElseGet(() -> new ImpersonationTarget("", "users", name, Optional.empty()));
  }

  static ImpersonationTarget group(String name) {
    return new ImpersonationTarget("", "groups", name, Optional.empty());
  }

  static ImpersonationTarget uid(String uid) {
    return new ImpersonationTarget(AUTHENTICATION, "uids", uid, Optional.empty());
  }

  static ImpersonationTarget extra(String key, String value) {
    return new ImpersonationTarget(AUTHENTICATION, "userextras/" + key, value, Optional.empty());
  }

  /** Returns the message for a caller that lacks the permission. */
  public String refusal(Principal caller) {
    int slash = resource.indexOf('/');
    String plural = slash < 0 ? resource : resource.substring(0, slash);
    return "%s \"%s\" is forbidden: User \"%s\" cannot impersonate resource \"%s\" in API group \"%s\" %s"
        .formatted(
            group.isEmpty() ? plural : plural + "." + group,
            name,
            caller,
            resource,
            group,
            namespace
                .map(where -> "in the namespace \"" + where + "\"")
                .orElse("at the cluster scope"));
  }
}
