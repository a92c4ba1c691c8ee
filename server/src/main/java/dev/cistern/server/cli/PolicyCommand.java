package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code policy} command, which shows and changes permissions with the words of {@code oc
 * policy} and {@code oc adm policy}.
 */
final class PolicyCommand implements Command {
  private static final String SERVICE_ACCOUNT = "serviceaccount";
  private static final String ALL = "all-namespaces";
  private static final String WHO_CAN = "who-can";
  private static final Map<String, Change> CHANGES =
      Map.of(
          "add-role-to-user", new Change("added", false, false),
          "add-role-to-group", new Change("added", false, true),
          "remove-role-from-user", new Change("removed", false, false),
          "remove-role-from-group", new Change("removed", false, true),
          "add-cluster-role-to-user", new Change("added", true, false),
          "add-cluster-role-to-group", new Change("added", true, true),
          "remove-cluster-role-from-user", new Change("removed", true, false),
          "remove-cluster-role-from-group", new Change("removed", true, true));

  /** The effect of a subcommand that changes permissions. */
  private record Change(String done, boolean isEverywhere, boolean isGroup) {
    String path() {
      return done.equals("added") ? "/admin/add-role" : "/admin/remove-role";
    }
  }

  @Override
  public String name() {
    return "policy";
  }

  @Override
  public String summary() {
    return "who may do what: add-role-to-user, -group, remove-role-from-user, -group,"
        + " add-cluster-role-to-..., remove-cluster-role-from-..., who-can";
  }

  @Override
  public String operands() {
    return "WHAT...";
  }

  @Override
  public Options options() {
    return AdminClient.options()
        .addOption(Namespace.option())
        .addOption(
            Option.builder("z")
                .longOpt(SERVICE_ACCOUNT)
                .hasArg()
                .argName("NAME")
                .desc("a service account of the namespace; may be repeated")
                .get())
        .addOption(Option.builder("A").longOpt(ALL).desc("of who-can: in all namespaces").get());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    List<String> words = line.getArgList();
    Change change = CHANGES.get(words.getFirst());
    boolean isJson = Output.isJson(line);
    if (change != null) {
      change(line, change, isJson, out);
    } else if (words.getFirst().equals(WHO_CAN)) {
      whoCan(line, isJson, out);
    } else {
      throw new ParseException(
          "policy "
              + words.getFirst()
              + ": expected is one of who-can, "
              + CHANGES.keySet().stream().sorted().collect(Collectors.joining(", ")));
    }
    return 0;
  }

  private static void change(CommandLine line, Change change, boolean isJson, PrintWriter out)
      throws IOException, ParseException {
    List<String> words = line.getArgList();
    if (words.size() < 2) {
      throw new ParseException("you must specify a role");
    }
    if (line.hasOption(ALL)) {
      throw new ParseException("-A is for who-can");
    }
    var targets = new ArrayList<>(words.subList(2, words.size()));
    ObjectNode order = JsonMapper.shared().createObjectNode().put("role", words.get(1));
    ArrayNode names = order.putArray(change.isGroup ? "groups" : "users");
    targets.forEach(names::add);
    for (String account : serviceAccounts(line, change)) {
      names.add("system:serviceaccount:" + Namespace.required(line) + ":" + account);
      targets.add(account);
    }
    if (targets.isEmpty()) {
      throw new ParseException(
          change.isGroup
              ? "you must specify at least two arguments: <role> <group> [group]..."
              : "you must specify at least one user or service account");
    }
    JsonNode answer = AdminClient.of(line).post(change.path(), place(line, change), order);
    out.println(
        isJson
            ? answer.toString()
            : "clusterrole.rbac.authorization.k8s.io/"
                + words.get(1)
                + " "
                + change.done
                + ": "
                + quoted(targets));
  }

  private static List<String> serviceAccounts(CommandLine line, Change change)
      throws ParseException {
    if (!line.hasOption(SERVICE_ACCOUNT)) {
      return List.of();
    }
    if (change.isGroup) {
      throw new ParseException(
          "-z is for users; all service accounts of a namespace are the group"
              + " system:serviceaccounts:NAMESPACE");
    }
    List<String> accounts = List.of(line.getOptionValues(SERVICE_ACCOUNT));
    if (accounts.stream().anyMatch(name -> name.startsWith("system:serviceaccount"))) {
      throw new ParseException(
          "--serviceaccount (-z) should only be used with short-form serviceaccount names (e.g."
              + " `default`)");
    }
    return accounts;
  }

  private static Map<String, String> place(CommandLine line, Change change) throws ParseException {
    if (!change.isEverywhere) {
      return Map.of(Namespace.KEY, Namespace.required(line));
    }
    if (Namespace.of(line).isPresent() && !line.hasOption(SERVICE_ACCOUNT)) {
      throw new ParseException(
          "-n: a cluster role holds everywhere; in one namespace it is add-role-to-...,"
              + " remove-role-from-...");
    }
    return Map.of();
  }

  private static void whoCan(CommandLine line, boolean isJson, PrintWriter out)
      throws IOException, ParseException {
    List<String> words = line.getArgList();
    if (words.size() != 3) {
      throw new ParseException("you must specify two arguments: verb, resource");
    }
    if (line.hasOption(SERVICE_ACCOUNT)) {
      throw new ParseException("-z is for changes");
    }
    Optional<String> namespace = Namespace.of(line);
    if (namespace.isPresent() == line.hasOption(ALL)) {
      throw new ParseException("-n NAMESPACE is needed, or -A for all namespaces");
    }
    var parameters = new LinkedHashMap<String, String>();
    parameters.put("verb", words.get(1));
    parameters.put("resource", words.get(2));
    namespace.ifPresent(name -> parameters.put(Namespace.KEY, name));
    JsonNode answer = AdminClient.of(line).get("/admin/who-can", parameters);
    if (isJson) {
      out.println(answer);
      return;
    }
    out.println("Namespace: " + namespace.orElse("<all>"));
    out.println("Verb:      " + words.get(1));
    out.println("Resource:  " + words.get(2));
    out.println();
    out.println("Users:  " + list(answer.path("users")));
    out.println("Groups: " + list(answer.path("groups")));
  }

  private static String list(JsonNode names) {
    var texts = new ArrayList<String>();
    names.forEach(name -> texts.add(name.asString()));
    return texts.isEmpty() ? "none" : String.join("\n        ", texts);
  }

  private static String quoted(List<String> targets) {
    List<String> quoted =
        targets.stream()
            .map(name -> "\"" + name.replace("\\", "\\\\").replace("\"", "\\\"") + "\"")
            .toList();
    return quoted.size() == 1 ? quoted.getFirst() : "[" + String.join(" ", quoted) + "]";
  }
}
