package dev.cistern.auth.access;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A request to act as another user ("User impersonation" of Kubernetes), not yet permitted.
 *
 * @param by the caller
 * @param user the name of the user or service account to act as
 * @param groups the requested groups; empty for the user's own
 * @param uid the requested UID; empty for none
 * @param extra the extra values by their keys
 */
public record Impersonation(
    Principal by,
    String user,
    List<String> groups,
    String uid,
    SortedMap<String, List<String>> extra) {

  /**
   * @throws AccessException if one of the names is empty, longer than 255 characters or has control
   *     characters
   */
  public Impersonation {
    Names.checked("name of a user", user);
    groups.forEach(group -> Names.checked("name of a group", group));
    if (!uid.isEmpty()) {
      Names.checked("UID", uid);
    }
    extra.forEach((key, values) -> {
      Names.checked("key of extra values", key);
      values.forEach(value -> Names.checked("extra value", value));
    });
    groups = List.copyOf(groups);
    extra = Collections.unmodifiableSortedMap(new TreeMap<>(extra));
  }

  /** Returns the targets, each of which the caller must be permitted to impersonate. */
  public List<ImpersonationTarget> targets() {
    var targets = new ArrayList<ImpersonationTarget>();
    targets.add(ImpersonationTarget.user(user));
    groups.forEach(group -> targets.add(ImpersonationTarget.group(group)));
    if (!uid.isEmpty()) {
      targets.add(ImpersonationTarget.uid(uid));
    }
    extra.forEach((key, values) ->
        values.forEach(value -> targets.add(ImpersonationTarget.extra(key, value))));
    return targets;
  }

  /**
   * Returns the principal that results. It is the user in the requested groups, or in the user's
   * own groups if none are requested, and in {@code system:authenticated}. {@code system:anonymous}
   * is in {@code system:unauthenticated} instead.
   */
  public Principal principal() {
    Principal own = Principal.named(user);
    if (groups.isEmpty()) {
      return own;
    }
    var all = new TreeSet<>(groups);
    all.add(own.isAnonymous() ? Principal.UNAUTHENTICATED : Principal.AUTHENTICATED);
    return new Principal(user, all, true);
  }
}
