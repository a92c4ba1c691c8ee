package dev.cistern.server.api;

import dev.cistern.auth.access.AccessException;
import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * The resource {@code serviceaccounts/token}, with which {@code oc create token} creates a token.
 */
final class ServiceAccountTokens implements Resource.Creates {
  private static final ResourceType TYPE =
      new ResourceType("", "v1", "serviceaccounts/token", "", "TokenRequest", true, List.of());
  private static final ResourceType REQUEST =
      ResourceType.namespaced("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest");
  private static final Duration USUAL = Duration.ofHours(1);
  private static final Duration LONGEST = Duration.ofDays(365);

  private final Gate gate;
  private final ClusterObjects objects;
  private final InstantSource clock;

  ServiceAccountTokens(Gate gate, ClusterObjects objects, InstantSource clock) {
    this.gate = gate;
    this.objects = objects;
    this.clock = clock;
  }

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public Access access() {
    return Access.ADMINISTRATORS;
  }

  @Override
  public ObjectNode create(Call call, ObjectNode request) {
    String namespace = call.requiredNamespace();
    String name = call.requiredName();
    objects.require(Kinds.SERVICE_ACCOUNT, namespace, name);
    long seconds = request.path("spec").path("expirationSeconds").asLong(USUAL.toSeconds());
    if (seconds < 1 || seconds > LONGEST.toSeconds()) {
      throw ApiException.badRequest(
          "spec.expirationSeconds: a number from 1 to " + LONGEST.toSeconds() + " is expected");
    }
    try {
      String token =
          call.isDryRun()
              ? ""
              : gate.serviceAccountToken(namespace, name, Duration.ofSeconds(seconds));
      ObjectNode answer = Meta.empty(REQUEST);
      answer.putObject("metadata").put("name", name).put("namespace", namespace);
      answer.putObject("spec").put("expirationSeconds", seconds);
      answer
          .putObject("status")
          .put("token", token)
          .put("expirationTimestamp", Meta.time(clock.instant().plusSeconds(seconds)));
      return answer;
    } catch (AccessException e) {
      throw ApiException.badRequest(Optional.ofNullable(e.getMessage()).orElse(""));
    }
  }
}
