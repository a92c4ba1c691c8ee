package dev.cistern.mirror.upstream;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The hosts of NO_PROXY. A name matches itself and its subdomains, an address or network matches
 * only addresses. No name is resolved for the match.
 */
public record NoProxy(List<Entry> entries) {
  static final NoProxy NOTHING = new NoProxy(List.of());
  private static final int ANY_PORT = -1;

  public NoProxy {
    entries = List.copyOf(entries);
  }

  /** One entry, for one port or for {@link #ANY_PORT}. */
  sealed interface Entry {
    boolean matches(String host, Optional<InetAddress> address, int port);
  }

  private record All() implements Entry {
    @Override
    public boolean matches(String host, Optional<InetAddress> address, int port) {
      return true;
    }
  }

  private record Loopback() implements Entry {
    @Override
    public boolean matches(String host, Optional<InetAddress> address, int port) {
      return Destinations.isLocalName(host)
          || address.filter(InetAddress::isLoopbackAddress).isPresent();
    }
  }

  private record Name(String name, int onlyPort) implements Entry {
    @Override
    public boolean matches(String host, Optional<InetAddress> address, int port) {
      return (onlyPort == ANY_PORT || onlyPort == port)
          && (host.equals(name) || (address.isEmpty() && host.endsWith("." + name)));
    }
  }

  private record Network(InetAddress network, int bits, int onlyPort) implements Entry {
    @Override
    public boolean matches(String host, Optional<InetAddress> address, int port) {
      return (onlyPort == ANY_PORT || onlyPort == port) && address.filter(this::has).isPresent();
    }

    private boolean has(InetAddress address) {
      byte[] one = network.getAddress();
      byte[] other = address.getAddress();
      boolean isIn = one.length == other.length;
      for (int bit = 0; isIn && bit < bits; bit += Byte.SIZE) {
        int mask = 0xff << Math.max(0, Byte.SIZE - (bits - bit));
        int at = bit / Byte.SIZE;
        isIn = (one[at] & mask) == (other[at] & mask);
      }
      return isIn;
    }
  }

  /**
   * Parses a list that is separated by commas or blanks. An entry is {@code *}, a name with or
   * without {@code .} or {@code *.} before it, an address, or a network ({@code 10.0.0.0/8}). Names
   * and addresses may have a port. The list always includes loopback.
   *
   * @throws IllegalArgumentException if the list has any other entry
   */
  static NoProxy parse(String text) {
    var entries = new ArrayList<Entry>();
    entries.add(new Loopback());
    for (String entry : text.toLowerCase(Locale.ROOT).split("[,\\s]+", -1)) {
      if (!entry.isEmpty()) {
        entries.add(entry(entry));
      }
    }
    return new NoProxy(entries);
  }

  boolean matches(String host, int port) {
    String name = Destinations.unbracketed(host.toLowerCase(Locale.ROOT));
    String bare = name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
    Optional<InetAddress> address = Destinations.literal(bare);
    return entries.stream().anyMatch(entry -> entry.matches(bare, address, port));
  }

  private static Entry entry(String text) {
    if (text.equals("*")) {
      return new All();
    }
    int slash = text.indexOf('/');
    if (slash >= 0) {
      return network(text, slash);
    }
    Optional<InetAddress> whole = Destinations.literal(Destinations.unbracketed(text));
    int colon = whole.isPresent() ? -1 : text.lastIndexOf(':');
    int port = colon < 0 ? ANY_PORT : port(text, text.substring(colon + 1));
    String host = colon < 0 ? text : text.substring(0, colon);
    Optional<InetAddress> address = Destinations.literal(Destinations.unbracketed(host));
    if (address.isPresent()) {
      return new Network(address.get(), address.get().getAddress().length * Byte.SIZE, port);
    }
    String name = host.replaceFirst("^\\*?\\.", "");
    if (!name.matches("[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\\.?")) {
      throw wrong(text);
    }
    return new Name(name.replaceFirst("\\.$", ""), port);
  }

  private static Entry network(String text, int slash) {
    InetAddress address =
        Destinations.literal(Destinations.unbracketed(text.substring(0, slash)))
            .orElseThrow(() -> wrong(text));
    String bits = text.substring(slash + 1);
    boolean isShort = bits.matches("\\d{1,3}");
    if (!isShort || Integer.parseInt(bits) > address.getAddress().length * Byte.SIZE) {
      throw wrong(text);
    }
    return new Network(address, Integer.parseInt(bits), ANY_PORT);
  }

  private static int port(String entry, String text) {
    if (!text.matches("\\d{1,5}")) {
      throw wrong(entry);
    }
    return Integer.parseInt(text);
  }

  private static IllegalArgumentException wrong(String entry) {
    return new IllegalArgumentException(
        "the environment's NO_PROXY: "
            + entry
            + " is neither a host, a suffix such as .example.com, an address, a network such as"
            + " 10.0.0.0/8, nor *");
  }
}
