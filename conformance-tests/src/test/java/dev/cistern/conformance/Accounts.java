package dev.cistern.conformance;

/** Users of tests, each with the line of an htpasswd file (bcrypt of the least cost). */
public enum Accounts {
  ALICE("alice", "wonder-s3cret", "$2y$04$TAvqi8.cOIQ3Xx/IQ6afAuJgDv/CMHh3pIXNiD2fWYvFI19CkvEr6"),
  BOB("bob", "builder-s3cret", "$2y$04$pVJy6YWpF.N8/IgfwPQwGuqPdt2AE1QwTba3HdS9FuJrJnsQoFNYG"),
  BOB_WITH_ANOTHER_PASSWORD(
      "bob", "other-s3cret", "$2y$04$GzcqbsiZkOUvlgAMLfFH9uah2O1gqHwnD/wbEiVrCVydk4c3GYC8i"),
  CAROL("carol", "creator-s3cret", "$2y$04$QMqWf1UOKJtBCoxx6ub8uuWXEvlO3j7FgLG/6EFspcUwXVHL9okWO"),
  DAVE("dave", "another-s3cret", "$2y$04$BtPHF9izSj/3h0WIbh6z0OgvZF5K5L5gl3cvrtXIi8vAHduzeu07q");

  private final String user;
  private final String password;
  private final String hash;

  Accounts(String user, String password, String hash) {
    this.user = user;
    this.password = password;
    this.hash = hash;
  }

  /** Returns the name. */
  public String user() {
    return user;
  }

  /** Returns the password. */
  public String password() {
    return password;
  }

  /** Returns the line of the htpasswd file. */
  public String line() {
    return user + ":" + hash + "\n";
  }

  TestClient client(CisternServer server) {
    return TestClient.as(server, user, password);
  }
}
