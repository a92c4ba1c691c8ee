package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.ParseException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlagsTest {
  @ParameterizedTest
  @CsvSource({
    "is -A,true",
    "is --all-namespaces,true",
    "is --all-namespaces=true,true",
    "is --all-namespaces=false,false",
    "is -A=false,false",
    "is -Aw,true",
    "is -Aojson,true",
    "is,false",
  })
  void aFlagIsOnIfItIsThere(String words, boolean isOn) throws ParseException {
    CommandLine line = Main.parse(new GetCommand(), List.of(words.split(" ", -1)));
    assertThat(Flags.isOn(line, "all-namespaces")).isEqualTo(isOn);
    assertThat(line.getArgList()).containsExactly("is");
  }

  @Test
  void aFlagDoesNotTakeTheNextWordAndLettersMayStandTogether() throws ParseException {
    CommandLine line = Main.parse(new GetCommand(), List.of("-Awojson", "is"));
    assertThat(Flags.isOn(line, "watch")).isTrue();
    assertThat(line.getOptionValue("o")).isEqualTo("json");
    assertThat(line.getArgList()).containsExactly("is");
  }
}
