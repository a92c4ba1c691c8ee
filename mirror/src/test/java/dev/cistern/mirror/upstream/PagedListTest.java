package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PagedListTest {
  private static final URI FIRST = URI.create("https://example.com/v2/a/tags/list?n=1000");

  private final PagedList<String> list = PagedList.ofTags(FIRST);

  @Test
  void aListMayHave100000EntriesAndNoMore() throws IOException {
    for (int page = 0; page < 10; page++) {
      add(tags(10_000), "<?page=" + page + ">; rel=\"next\"");
    }

    assertThat(list.entries()).hasSize(100_000);
    assertThatThrownBy(() -> add(tags(1))).hasMessageContaining("more than 100000 entries");
  }

  @Test
  void aListMayHave16MebibytesAndNoMore() throws IOException {
    String filled = "{\"tags\":[],\"x\":\"" + "x".repeat((4 << 20) - 20) + "\"}";
    for (int page = 0; page < 4; page++) {
      add(filled, "<?page=" + page + ">; rel=\"next\"");
    }

    assertThatThrownBy(() -> add(filled)).hasMessageContaining("larger than 16 MiB");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "</v2/a/tags/list?last=b>; rel=\"next\"",
        "</v2/a/tags/list?last=b>;rel=next",
        "</v2/a/tags/list?last=b> ; title=\"x\"; REL=\"Next\"",
        "<?last=b>; rel=\"next\"",
        "<https://EXAMPLE.com:443/v2/a/tags/list?last=b>; rel=\"next\"",
        "<?first>; rel=\"prev\", <?last=b>; rel=\"next\""
      })
  void theNextPageIsWhereALinkSays(String link) throws IOException {
    add(tags(1), link);

    assertThat(list.next().map(URI::getQuery)).contains("last=b");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "https://example.com", "<?last=b>", "<?last=b>; rel=\"prev\""})
  void withoutSuchALinkThereIsNoNextPage(String link) throws IOException {
    add(tags(1), link);

    assertThat(list.next()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://example.com/v2/a/tags/list",
        "https://example.com:8443/v2/a/tags/list",
        "https://user@example.com/v2/a/tags/list",
        "https://example.org/",
        "mailto:a@example.com",
        "https:///v2/"
      })
  void aPageElsewhereIsRefused(String target) {
    assertThatThrownBy(() -> add(tags(1), "<" + target + ">; rel=\"next\""))
        .hasMessageContaining("another host");
  }

  private void add(String page, String... links) throws IOException {
    list.add(page.getBytes(UTF_8), Optional.empty(), List.of(links));
  }

  private static String tags(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "\"t" + i + "\"")
        .collect(Collectors.joining(",", "{\"tags\":[", "]}"));
  }
}
