package dev.cistern.server.objects;

import java.io.IOException;

/** An action that puts the current objects into effect. */
public interface Enforcement {
  void enforce() throws IOException;
}
