package dev.cistern.server.cli.objects;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;

/** Sizes in bytes for users, in the format of go-units. */
public final class Sizes {
  private static final List<String> UNITS = List.of("B", "kB", "MB", "GB", "TB", "PB", "EB");
  private static final int THOUSAND = 1000;
  private static final MathContext FOUR_DIGITS = new MathContext(4);

  private Sizes() {}

  /** Returns a size such as {@code 45.23MB}. */
  public static String human(long bytes) {
    BigDecimal size = BigDecimal.valueOf(bytes);
    int unit = 0;
    while (size.compareTo(BigDecimal.valueOf(THOUSAND)) >= 0 && unit < UNITS.size() - 1) {
      size = size.movePointLeft(3);
      unit++;
    }
    return size.round(FOUR_DIGITS).stripTrailingZeros().toPlainString() + UNITS.get(unit);
  }
}
