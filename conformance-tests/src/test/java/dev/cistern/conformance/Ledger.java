package dev.cistern.conformance;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a repository must hold, kept by the one client that changes it. What was acknowledged is
 * certain; a request that was sent and not answered may or may not have been carried out.
 */
final class Ledger {
  private static final String ABSENT = "";
  private static final Pattern RANGE = Pattern.compile("0-(\\d+)");
  private static final Pattern TAG_LIST = Pattern.compile("\"tags\":\\[(.*?)\\]");
  private static final Pattern DIGEST = Pattern.compile("\"digest\":\"([^\"]+)\"");

  private final String repository;
  private final Map<String, Sample> blobs = new LinkedHashMap<>();
  private final Map<String, Sample> manifests = new LinkedHashMap<>();
  private final Map<String, Sample> subjects = new LinkedHashMap<>();
  private final Map<String, Set<String>> blobStates = new TreeMap<>();
  private final Map<String, Set<String>> manifestStates = new TreeMap<>();
  private final Map<String, Set<String>> tagStates = new TreeMap<>();
  private final List<OpenUpload> uploads = new ArrayList<>();
  private int restarted;

  Ledger(String repository) {
    this.repository = repository;
  }

  /** An upload that was begun and not ended, as far as is known. */
  static final class OpenUpload {
    private final String location;
    private final Sample blob;
    private int acknowledged;
    private int sent;
    private boolean isEnding;

    OpenUpload(String location, Sample blob) {
      this.location = location;
      this.blob = blob;
    }

    String location() {
      return location;
    }

    Sample blob() {
      return blob;
    }

    int length() {
      return acknowledged;
    }

    /** A request that brings it to {@code length} is about to be sent. */
    void sending(int length) {
      sent = Math.max(sent, length);
    }

    void acknowledged(int length) {
      acknowledged = length;
    }

    /** A request that ends it is about to be sent. */
    void ending() {
      isEnding = true;
    }
  }

  String repository() {
    return repository;
  }

  List<OpenUpload> uploads() {
    return uploads;
  }

  /** Returns how many uploads had to begin again because their end was cut short. */
  int restarted() {
    return restarted;
  }

  void blobMayCome(Sample blob) {
    blobs.put(blob.digest(), blob);
    add(blobStates, blob.digest(), blob.digest());
  }

  void blobCame(Sample blob) {
    settle(blobStates, blob.digest(), blob.digest());
  }

  void blobMayGo(Sample blob) {
    add(blobStates, blob.digest(), ABSENT);
  }

  void blobWent(Sample blob) {
    settle(blobStates, blob.digest(), ABSENT);
  }

  void manifestMayCome(Sample manifest, Optional<Sample> subject, List<String> tags) {
    manifests.put(manifest.digest(), manifest);
    subject.ifPresent(of -> subjects.put(manifest.digest(), of));
    add(manifestStates, manifest.digest(), manifest.digest());
    tags.forEach(tag -> add(tagStates, tag, manifest.digest()));
  }

  void manifestCame(Sample manifest, List<String> tags) {
    settle(manifestStates, manifest.digest(), manifest.digest());
    tags.forEach(tag -> settle(tagStates, tag, manifest.digest()));
  }

  void manifestMayGo(Sample manifest) {
    add(manifestStates, manifest.digest(), ABSENT);
    tagsOf(manifest).forEach(tag -> add(tagStates, tag, ABSENT));
  }

  void manifestWent(Sample manifest) {
    settle(manifestStates, manifest.digest(), ABSENT);
    tagsOf(manifest).forEach(tag -> settle(tagStates, tag, ABSENT));
  }

  void tagMayGo(String tag) {
    add(tagStates, tag, ABSENT);
  }

  void tagWent(String tag) {
    settle(tagStates, tag, ABSENT);
  }

  List<Sample> presentBlobs() {
    return present(blobStates).stream().map(digest -> at(blobs, digest)).toList();
  }

  List<Sample> presentManifests() {
    return present(manifestStates).stream().map(digest -> at(manifests, digest)).toList();
  }

  List<String> presentTags() {
    return present(tagStates);
  }

  /** Asks the server about all of it; afterwards everything is certain. */
  void verify(HttpCalls calls) throws IOException {
    blobs.values().forEach(blob -> verifyBlob(calls, blob));
    for (Sample manifest : manifests.values()) {
      verifyManifest(calls, manifest);
    }
    verifyTags(calls);
    verifyReferrers(calls);
    for (OpenUpload upload : List.copyOf(uploads)) {
      verifyUpload(calls, upload);
    }
  }

  private void verifyBlob(HttpCalls calls, Sample blob) {
    String path = "/v2/" + repository + "/blobs/" + blob.digest();
    try {
      int head = calls.send("HEAD", path).status();
      HttpCalls.Reply reply = calls.send("GET", path);
      assertThat(head).as("HEAD and GET of %s", path).isEqualTo(reply.status());
      found(blobStates, blob, reply, path);
    } catch (IOException e) {
      throw new AssertionError(path, e);
    }
  }

  private void verifyManifest(HttpCalls calls, Sample manifest) throws IOException {
    String path = "/v2/" + repository + "/manifests/" + manifest.digest();
    found(manifestStates, manifest, calls.send("GET", path), path);
  }

  private static void found(
      Map<String, Set<String>> states, Sample sample, HttpCalls.Reply reply, String path) {
    String state = ABSENT;
    if (reply.status() != 404) {
      assertThat(reply.status()).as(path).isEqualTo(200);
      state = Sample.digest(reply.body());
    }
    assertThat(possible(states, sample.digest())).as(path).contains(state);
    settle(states, sample.digest(), state);
  }

  private void verifyTags(HttpCalls calls) throws IOException {
    for (String tag : List.copyOf(tagStates.keySet())) {
      String path = "/v2/" + repository + "/manifests/" + tag;
      HttpCalls.Reply reply = calls.send("GET", path);
      String state = reply.status() == 404 ? ABSENT : Sample.digest(reply.body());
      assertThat(possible(tagStates, tag)).as("%s %s", path, reply).contains(state);
      if (!state.equals(ABSENT)) {
        assertThat(possible(manifestStates, state)).as("manifest of %s", path).contains(state);
      }
      settle(tagStates, tag, state);
    }
    HttpCalls.Reply list = calls.send("GET", "/v2/" + repository + "/tags/list");
    if (list.status() == 404) {
      assertThat(presentManifests()).as("%s", list).isEmpty();
    } else {
      Matcher tags = TAG_LIST.matcher(list.text());
      assertThat(tags.find()).as(list.text()).isTrue();
      assertThat(tags.group(1))
          .isEqualTo(presentTags().stream().map(tag -> '"' + tag + '"').collect(joining(",")));
    }
  }

  private void verifyReferrers(HttpCalls calls) throws IOException {
    for (Sample subject : Set.copyOf(subjects.values())) {
      HttpCalls.Reply reply =
          calls.send("GET", "/v2/" + repository + "/referrers/" + subject.digest());
      assertThat(reply.status()).isEqualTo(200);
      var expected = new TreeSet<String>();
      for (Sample manifest : presentManifests()) {
        if (subject.equals(subjects.get(manifest.digest()))) {
          expected.add(manifest.digest());
        }
      }
      assertThat(DIGEST.matcher(reply.text()).results().map(found -> found.group(1)))
          .containsExactlyElementsOf(expected);
    }
  }

  private void verifyUpload(HttpCalls calls, OpenUpload upload) throws IOException {
    HttpCalls.Reply status = calls.send("GET", upload.location);
    if (status.status() == 404 && upload.isEnding) {
      uploads.remove(upload);
      return;
    }
    assertThat(status.status()).as("%s", status).isEqualTo(204);
    Matcher range = RANGE.matcher(String.valueOf(status.header("Range")));
    assertThat(range.matches()).isTrue();
    int last = Integer.parseInt(range.group(1));
    int length = last == 0 ? 0 : last + 1;
    if (length == 0 && upload.isEnding && upload.acknowledged > 0) {
      restarted++;
    } else {
      assertThat(length)
          .as("length of %s", upload.location)
          .isBetween(upload.acknowledged, upload.sent);
    }
    upload.acknowledged = length;
    upload.sent = length;
    upload.isEnding = false;
  }

  private List<String> tagsOf(Sample manifest) {
    return tagStates.keySet().stream()
        .filter(tag -> possible(tagStates, tag).contains(manifest.digest()))
        .toList();
  }

  private static Sample at(Map<String, Sample> samples, String digest) {
    Sample sample = samples.get(digest);
    if (sample == null) {
      throw new AssertionError(digest + " was never sent");
    }
    return sample;
  }

  private static Set<String> possible(Map<String, Set<String>> states, String key) {
    return states.getOrDefault(key, Set.of(ABSENT));
  }

  private static List<String> present(Map<String, Set<String>> states) {
    return states.entrySet().stream()
        .filter(entry -> !entry.getValue().contains(ABSENT))
        .map(Map.Entry::getKey)
        .toList();
  }

  private static void add(Map<String, Set<String>> states, String key, String state) {
    var more = new TreeSet<>(possible(states, key));
    more.add(state);
    states.put(key, more);
  }

  private static void settle(Map<String, Set<String>> states, String key, String state) {
    states.put(key, Set.of(state));
  }
}
