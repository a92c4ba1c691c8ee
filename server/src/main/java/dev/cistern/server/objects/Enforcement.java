package dev.cistern.server.objects;

import java.io.IOException;

/** Puts in force what objects say now. */
public interface Enforcement {
  void enforce() throws IOException;
}
