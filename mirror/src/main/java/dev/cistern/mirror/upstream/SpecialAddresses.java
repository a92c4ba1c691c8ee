package dev.cistern.mirror.upstream;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The addresses that are not public. These are the addresses that the IANA special-purpose address
 * registries for IPv4 and IPv6 (RFC 6890; as of October 2025) do not call globally reachable. Also
 * included are multicast addresses, IPv4 addresses within IPv6 addresses, and addresses in public
 * space that clouds use internally.
 *
 * <p>If an address is in several rows, the row with the longest prefix decides. The class of a
 * DNS64 address (RFC 6052) is that of the IPv4 address in it.
 */
final class SpecialAddresses {
  private static final List<Block> BLOCKS =
      Stream.of(
              // https://www.iana.org/assignments/iana-ipv4-special-registry
              special("0.0.0.0/8"), // this network
              special("10.0.0.0/8"), // private use
              special("100.64.0.0/10"), // shared address space; Alibaba's metadata, 100.100.100.200
              special("127.0.0.0/8"), // loopback
              special("169.254.0.0/16"), // link-local; metadata of most clouds
              special("172.16.0.0/12"), // private use
              special("192.0.0.0/24"), // IETF protocol assignments; metadata of Oracle
              special("192.0.2.0/24"), // documentation
              special("192.88.99.0/24"), // 6to4 relay anycast, deprecated
              special("192.168.0.0/16"), // private use
              special("198.18.0.0/15"), // benchmarks
              special("198.51.100.0/24"), // documentation
              special("203.0.113.0/24"), // documentation
              special("224.0.0.0/4"), // multicast
              special("240.0.0.0/4"), // reserved, and limited broadcast
              special("168.63.129.16/32"), // Azure's platform
              // https://www.iana.org/assignments/iana-ipv6-special-registry
              special("::/96"), // unspecified, loopback, IPv4-compatible (deprecated)
              special("::ffff:0:0:0/96"), // IPv4-translated
              special("64:ff9b:1::/48"), // local-use translation
              special("100::/64"), // discard only
              special("100:0:0:1::/64"), // dummy prefix
              special("2001::/23"), // IETF protocol assignments, with Teredo, benchmarks, ORCHID
              global("2001:1::1/128"), // port control anycast
              global("2001:1::2/128"), // TURN anycast
              global("2001:1::3/128"), // DNS-SD registration anycast
              global("2001:3::/32"), // AMT
              global("2001:4:112::/48"), // AS112
              global("2001:20::/28"), // ORCHIDv2
              global("2001:30::/28"), // drone remote id
              special("2001:db8::/32"), // documentation
              special("2002::/16"), // 6to4
              special("3fff::/20"), // documentation
              special("5f00::/16"), // segment routing
              special("fc00::/7"), // unique local; metadata of AWS, fd00:ec2::254
              special("fe80::/10"), // link-local
              special("fec0::/10"), // site-local, deprecated
              special("ff00::/8")) // multicast
          .sorted((one, other) -> Integer.compare(other.bits, one.bits))
          .toList();

  private static final Block DNS64 = global("64:ff9b::/96");
  private static final int IPV4_IN_IPV6 = 12;

  /**
   * The first four of the last eight bytes of an ISATAP address (RFC 5214), with the universal bit
   * unset.
   */
  private static final byte[] ISATAP = {0, 0, 0x5e, (byte) 0xfe};

  private static final int UNIVERSAL_BIT = 0x02;

  private SpecialAddresses() {}

  private record Block(byte[] prefix, int bits, boolean isGlobal) {
    boolean has(byte[] address) {
      boolean isIn = address.length == prefix.length;
      for (int bit = 0; isIn && bit < bits; bit += Byte.SIZE) {
        int mask = 0xff << Math.max(0, Byte.SIZE - (bits - bit));
        isIn = (address[bit / Byte.SIZE] & mask) == (prefix[bit / Byte.SIZE] & mask);
      }
      return isIn;
    }
  }

  private static Block special(String block) {
    return block(block, false);
  }

  private static Block global(String block) {
    return block(block, true);
  }

  private static Block block(String text, boolean isGlobal) {
    int slash = text.indexOf('/');
    byte[] prefix = InetAddress.ofLiteral(text.substring(0, slash)).getAddress();
    return new Block(prefix, Integer.parseInt(text.substring(slash + 1)), isGlobal);
  }

  /** Returns whether an address is public, so that any upstream may direct requests to it. */
  static boolean isPublic(InetAddress address) {
    byte[] bytes = address.getAddress();
    if (DNS64.has(bytes)) {
      return isPublic(embedded(bytes));
    }
    Optional<Block> block = BLOCKS.stream().filter(one -> one.has(bytes)).findFirst();
    return block.map(Block::isGlobal).orElse(true) && !isIsatap(bytes);
  }

  private static boolean isIsatap(byte[] bytes) {
    if (bytes.length == Integer.BYTES) {
      return false;
    }
    byte[] begin = Arrays.copyOfRange(bytes, 8, IPV4_IN_IPV6);
    begin[0] &= ~UNIVERSAL_BIT;
    return Arrays.equals(begin, ISATAP);
  }

  private static InetAddress embedded(byte[] bytes) {
    try {
      return InetAddress.getByAddress(Arrays.copyOfRange(bytes, IPV4_IN_IPV6, bytes.length));
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }
}
