package dev.cistern.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/** Boolean options in the syntax of {@code oc}: {@code --name} or {@code --name=false}. */
final class Flags {
  private static final Set<String> ON = Set.of("true", "True", "TRUE", "t", "T", "1");
  private static final Set<String> OFF = Set.of("false", "False", "FALSE", "f", "F", "0");

  private Flags() {}

  static Option flag(String name, String description) {
    return flag(Option.builder(), name, description);
  }

  /** Returns a flag that has a letter too. */
  static Option flag(String letter, String name, String description) {
    return flag(Option.builder(letter), name, description);
  }

  private static Option flag(Option.Builder builder, String name, String description) {
    return builder
        .longOpt(name)
        .hasArg()
        .argName("true|false")
        .type(Boolean.class)
        .desc(description)
        .get();
  }

  static boolean isOne(Option option) {
    return Boolean.class.equals(option.getType());
  }

  /**
   * Returns the words with an explicit value for each flag, so that no flag takes the next word as
   * its value. Combined letters are separated.
   */
  static String[] spelledOut(Options options, List<String> words) {
    return words.stream()
        .flatMap(word -> spelledOut(options, word).stream())
        .toArray(String[]::new);
  }

  private static List<String> spelledOut(Options options, String word) {
    boolean isLetters = word.length() > 2 && word.startsWith("-") && !word.startsWith("--");
    if (isLetters && word.charAt(2) != '=' && flag(options, word.substring(0, 2)).isPresent()) {
      var words = new ArrayList<>(spelledOut(options, word.substring(0, 2)));
      words.addAll(spelledOut(options, "-" + word.substring(2)));
      return words;
    }
    return List.of(
        flag(options, word).map(option -> "--" + option.getLongOpt() + "=true").orElse(word));
  }

  private static Optional<Option> flag(Options options, String word) {
    boolean isOption = word.startsWith("-") && options.hasOption(word);
    return Optional.ofNullable(isOption ? options.getOption(word) : null).filter(Flags::isOne);
  }

  static boolean isOn(CommandLine line, String name) throws ParseException {
    String value = line.getOptionValue(name, "false");
    if (!ON.contains(value) && !OFF.contains(value)) {
      throw new ParseException("--" + name + ": true or false is expected, not " + value);
    }
    return ON.contains(value);
  }
}
