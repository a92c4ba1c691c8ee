package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Walks over the rows of the IANA special-purpose address registries and what the specification
 * adds: both ends of each range, and the addresses before and after it.
 */
class SpecialAddressesTest {
  /** Rows: range, whether it is public, whether what comes before it is, and what comes after. */
  @ParameterizedTest
  @CsvSource({
    // IPv4
    "0.0.0.0/8, false, -, true",
    "0.0.0.0/32, false, -, false",
    "10.0.0.0/8, false, true, true",
    "100.64.0.0/10, false, true, true",
    "127.0.0.0/8, false, true, true",
    "169.254.0.0/16, false, true, true",
    "172.16.0.0/12, false, true, true",
    "192.0.0.0/24, false, true, true",
    "192.0.0.0/29, false, true, false",
    "192.0.0.8/32, false, false, false",
    "192.0.0.170/31, false, false, false",
    "192.0.2.0/24, false, true, true",
    "192.31.196.0/24, true, true, true",
    "192.52.193.0/24, true, true, true",
    "192.88.99.0/24, false, true, true",
    "192.168.0.0/16, false, true, true",
    "192.175.48.0/24, true, true, true",
    "198.18.0.0/15, false, true, true",
    "198.51.100.0/24, false, true, true",
    "203.0.113.0/24, false, true, true",
    "224.0.0.0/4, false, true, false",
    "240.0.0.0/4, false, false, -",
    "255.255.255.255/32, false, false, -",
    "168.63.129.16/32, false, true, true",
    "100.100.100.200/32, false, false, false",
    // IPv6
    "::/128, false, -, false",
    "::1/128, false, false, false",
    "::/96, false, -, true",
    "::ffff:0:0:0/96, false, true, true",
    "64:ff9b:1::/48, false, true, true",
    "100::/64, false, true, false",
    "100:0:0:1::/64, false, false, true",
    "2001::/23, false, true, true",
    "2001::/32, false, true, false",
    "2001:1::1/128, true, false, true",
    "2001:1::2/128, true, true, true",
    "2001:1::3/128, true, true, false",
    "2001:2::/48, false, false, false",
    "2001:3::/32, true, false, false",
    "2001:4:112::/48, true, false, false",
    "2001:10::/28, false, false, true",
    "2001:20::/28, true, false, true",
    "2001:30::/28, true, true, false",
    "2001:db8::/32, false, true, true",
    "2002::/16, false, true, true",
    "2620:4f:8000::/48, true, true, true",
    "3fff::/20, false, true, true",
    "5f00::/16, false, true, true",
    "fc00::/7, false, true, true",
    "fd00:ec2::254/128, false, false, false",
    "fe80::/10, false, true, false",
    "fec0::/10, false, false, false",
    "ff00::/8, false, false, -"
  })
  void bothEndsOfARangeAndItsNeighbours(String range, boolean isPublic, String before, String after)
      throws UnknownHostException {
    int slash = range.indexOf('/');
    byte[] first = InetAddress.ofLiteral(range.substring(0, slash)).getAddress();
    int size = first.length * Byte.SIZE - Integer.parseInt(range.substring(slash + 1));
    var begin = new BigInteger(1, first);
    BigInteger end = begin.add(BigInteger.ONE.shiftLeft(size)).subtract(BigInteger.ONE);

    assertPublic(begin, first.length, isPublic);
    assertPublic(end, first.length, isPublic);
    if (!before.equals("-")) {
      assertPublic(begin.subtract(BigInteger.ONE), first.length, Boolean.parseBoolean(before));
    }
    if (!after.equals("-")) {
      assertPublic(end.add(BigInteger.ONE), first.length, Boolean.parseBoolean(after));
    }
  }

  private static void assertPublic(BigInteger address, int length, boolean isPublic)
      throws UnknownHostException {
    byte[] bytes = new byte[length];
    byte[] number = address.toByteArray();
    int count = Math.min(number.length, length);
    System.arraycopy(number, number.length - count, bytes, length - count, count);
    InetAddress one = InetAddress.getByAddress(bytes);
    assertThat(SpecialAddresses.isPublic(one)).as(one.getHostAddress()).isEqualTo(isPublic);
  }

  @ParameterizedTest
  @CsvSource({
    "64:ff9b::8.8.8.8, true",
    "64:ff9b::10.0.0.1, false",
    "64:ff9b::169.254.169.254, false",
    "64:ff9b::168.63.129.16, false",
    "64:ff9b::168.63.129.17, true",
    "64:ff9b::255.255.255.255, false",
    "::ffff:8.8.8.8, true",
    "::ffff:127.0.0.1, false",
    "::ffff:168.63.129.16, false",
    "::8.8.8.8, false",
    "::127.0.0.1, false",
    "::ffff:0:8.8.8.8, false",
    "2002:808:808::, false",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2, false",
    "64:ff9b:1:808:8:800::, false",
    "2600::5efe:8.8.8.8, false",
    "2600::200:5efe:10.0.0.1, false",
    "2600::5eff:8.8.8.8, true",
    "fe80::5efe:8.8.8.8, false"
  })
  void anIpv4AddressWithinAnIpv6Address(String address, boolean isPublic) {
    assertThat(SpecialAddresses.isPublic(InetAddress.ofLiteral(address))).isEqualTo(isPublic);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.0.9",
        "198.18.0.1",
        "100.100.100.200",
        "fd00:ec2::254"
      })
  void noAddressOfACloudIsPublic(String address) {
    assertThat(SpecialAddresses.isPublic(InetAddress.ofLiteral(address))).isFalse();
  }
}
