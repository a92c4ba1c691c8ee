package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.MessageConstraintException;
import org.apache.hc.core5.http.impl.io.SessionInputBufferImpl;
import org.junit.jupiter.api.Test;

class HeadsTest {
  private static final String HINTS = "HTTP/1.1 103 Early Hints\r\n\r\n";
  private static final String OK = "HTTP/1.1 200 OK\r\n\r\n";

  @Test
  void sixteenInformationalResponsesMayComeBeforeEachAnswer() throws Exception {
    String answer = HINTS.repeat(Heads.MAX_INFORMATIONAL) + OK;

    assertThat(parse(answer + answer, 2 * (Heads.MAX_INFORMATIONAL + 1))).isEqualTo(200);
  }

  @Test
  void oneMoreIsRefused() {
    String answer = HINTS.repeat(Heads.MAX_INFORMATIONAL + 1) + OK;

    assertThatThrownBy(() -> parse(answer, Heads.MAX_INFORMATIONAL + 2))
        .isInstanceOf(HttpException.class)
        .hasMessage("it sent more than 16 informational responses");
  }

  @Test
  void aHeadHasAtMostSoManyLines() throws Exception {
    assertThat(parse(head(Heads.MAX_LINES, 1), 1)).isEqualTo(200);

    assertThatThrownBy(() -> parse(head(Heads.MAX_LINES + 1, 1), 1))
        .isInstanceOf(MessageConstraintException.class);
  }

  @Test
  void aLineOfAHeadHasAtMostSoManyBytes() throws Exception {
    int name = "X: \r\n".length();
    assertThat(parse(head(1, Heads.MAX_LINE_BYTES - name), 1)).isEqualTo(200);

    assertThatThrownBy(() -> parse(head(1, Heads.MAX_LINE_BYTES + 1), 1))
        .isInstanceOf(MessageConstraintException.class);
  }

  private static String head(int lines, int length) {
    return "HTTP/1.1 200 OK\r\n" + ("X: " + "a".repeat(length) + "\r\n").repeat(lines) + "\r\n";
  }

  /** Reads so many heads, as one connection does; returns the last one's status. */
  private static int parse(String text, int count) throws IOException, HttpException {
    var heads = new Heads();
    var buffer = new SessionInputBufferImpl(1 << 10, Heads.MAX_LINE_BYTES);
    var in = new ByteArrayInputStream(text.getBytes(US_ASCII));
    int status = 0;
    for (int i = 0; i < count; i++) {
      status = heads.parse(buffer, in).getCode();
    }
    return status;
  }
}
