package dev.cistern.server;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import dev.cistern.server.config.Config;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The set-up of logging. Lines go to standard output through a queue, so that event loops do not
 * wait for a terminal. Adding a line never blocks. INFO lines, such as those of the access log, are
 * dropped while less than a fifth of the queue is free. Warnings and errors are dropped only if it
 * is full.
 *
 * <p>Audit lines bypass the queue and are not lost. The calling thread writes them. Each is a JSON
 * object by itself.
 */
public final class Logs {
  private static final int QUEUE = 8192;
  private static final String AUDIT = "audit";

  private Logs() {}

  /** Sets up logging. Called once, before the first line is logged. */
  public static void start(Config.LogFormat format) {
    var context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    var console = new ConsoleAppender<ILoggingEvent>();
    console.setContext(context);
    console.setEncoder(encoder(format, context));
    console.start();
    var queue = new AsyncAppender();
    queue.setContext(context);
    queue.setQueueSize(QUEUE);
    queue.setNeverBlock(true);
    queue.addAppender(console);
    queue.start();
    audit(context);
    ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.INFO);
    root.addAppender(queue);
  }

  private static void audit(LoggerContext context) {
    var line = new PatternLayoutEncoder();
    line.setContext(context);
    line.setPattern("%msg%n");
    line.start();
    var console = new ConsoleAppender<ILoggingEvent>();
    console.setContext(context);
    console.setEncoder(line);
    console.start();
    ch.qos.logback.classic.Logger logger = context.getLogger(AUDIT);
    logger.setAdditive(false);
    logger.addAppender(console);
  }

  /** Logs errors to standard error, for a command that prints results. */
  public static void startForCommand() {
    var context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    var console = new ConsoleAppender<ILoggingEvent>();
    console.setContext(context);
    console.setTarget("System.err");
    console.setEncoder(encoder(Config.LogFormat.TEXT, context));
    console.start();
    ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.ERROR);
    root.addAppender(console);
  }

  /** Writes the queued lines and stops logging. */
  public static void stop() {
    ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
  }

  private static Encoder<ILoggingEvent> encoder(Config.LogFormat format, LoggerContext context) {
    Encoder<ILoggingEvent> encoder =
        switch (format) {
          case JSON -> new JsonEncoder();
          case TEXT -> {
            var pattern = new PatternLayoutEncoder();
            pattern.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0} %msg %kvp%n");
            yield pattern;
          }
        };
    encoder.setContext(context);
    encoder.start();
    return encoder;
  }
}
