package dev.cistern.conformance.clients;

import java.util.List;

/** What a client asked, command by command. */
record Scenario(List<Step> steps) {
  /** One command. */
  record Step(List<String> words, int status, List<Asked> asked) {}
}
