package dev.cistern.server.registry;

import dev.cistern.base.MemoryBudget;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.http.Reply;
import dev.cistern.storage.IndexException;
import dev.cistern.storage.StorageError;
import dev.cistern.storage.StoreFailingException;
import dev.cistern.storage.StoreFullException;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The only conversion of exceptions to error responses (distribution specification, "Error Codes").
 */
public final class Errors {
  private static final Logger LOG = LoggerFactory.getLogger(Errors.class);

  private static final Duration FAILING_RETRY_AFTER = Duration.ofSeconds(5);

  private Errors() {}

  /** Returns the response for an exception. */
  public static Reply reply(Exception thrown) {
    return switch (thrown) {
      case OciException e -> reply(e);
      case MemoryBudget.RefusedException e ->
          reply(
              new OciException(
                      ErrorCode.TOOMANYREQUESTS, Refusal.MEMORY.message(), Refusal.MEMORY.advice())
                  .withRetryAfter(MemoryBudget.RETRY_AFTER));
      case StoreFullException e ->
          reply(
              new OciException(
                  ErrorCode.INSUFFICIENT_STORAGE,
                  String.valueOf(e.getMessage()),
                  "nothing that is stored is lost; try again when there is space"));
      case StoreFailingException e -> failing(String.valueOf(e.getMessage()));
      case IndexException e -> failing(String.valueOf(e.getMessage()));
      case EOFException e ->
          reply(new OciException(ErrorCode.BLOB_UPLOAD_INVALID, String.valueOf(e.getMessage())));
      case IOException e when StorageError.of(e) != StorageError.OTHER -> {
        LOG.atWarn().setCause(e).log("store failed a request");
        yield failing("the store failed: " + StorageError.of(e).text());
      }
      default -> {
        LOG.atError().setCause(thrown).log("request failed");
        yield reply(
            new OciException(
                ErrorCode.UNKNOWN, "the server failed; its log says why: " + thrown.getMessage()));
      }
    };
  }

  /** Returns the response for a failing store, which resumes by itself when the cause is gone. */
  private static Reply failing(String message) {
    return reply(
        new OciException(
                ErrorCode.UNKNOWN, message, "try again; the server resumes when the cause is gone")
            .withStatus(503)
            .withRetryAfter(FAILING_RETRY_AFTER));
  }

  /** Returns the response with the JSON body of the specification. */
  public static Reply reply(OciException e) {
    ObjectNode body = JsonMapper.shared().createObjectNode();
    ObjectNode error = body.putArray("errors").addObject();
    error.put("code", e.code().name()).put("message", e.message());
    e.advice().ifPresent(advice -> error.putObject("detail").put("advice", advice));
    Reply reply =
        Reply.status(e.status()).body("application/json", body + "\n").because(e.message());
    e.challenge().ifPresent(challenge -> reply.header("WWW-Authenticate", challenge));
    e.retryAfter().ifPresent(reply::retryAfter);
    return reply;
  }
}
