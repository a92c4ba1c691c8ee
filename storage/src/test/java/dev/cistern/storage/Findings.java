package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.util.ArrayList;
import java.util.List;

/** What a check of a store finds, and what it has fetched again. */
final class Findings implements StoreCheck.Report {
  final List<Finding> all = new ArrayList<>();
  final List<Digest> refetched = new ArrayList<>();

  @Override
  public void found(Finding finding) {
    all.add(finding);
  }

  @Override
  public void progress(StoreCheck.Progress progress) {}

  @Override
  public void refetch(Digest blob, List<RepositoryName> repositories) {
    refetched.add(blob);
  }
}
