#include "estab/address.h"

#include <gtest/gtest.h>

namespace estab {
namespace {

IpAddress ip(std::string_view text) {
  const auto a = IpAddress::parse(text);
  EXPECT_TRUE(a) << text;
  return a.value_or(IpAddress{});
}

TEST(IpAddress, parses_and_prints_ipv4) {
  EXPECT_EQ(ip("10.0.0.1"), IpAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(ip("10.0.0.1").to_string(), "10.0.0.1");
  EXPECT_EQ(ip("255.255.255.255").v4_value(), 0xffffffffu);
}

TEST(IpAddress, an_ipv4_mapped_address_is_the_ipv4_address) {
  EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
  EXPECT_EQ(ip("::ffff:a00:1").to_string(), "10.0.0.1");
}

TEST(IpAddress, prints_ipv6_as_rfc_5952_recommends) {
  EXPECT_EQ(ip("2001:0DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
  EXPECT_EQ(ip("2001:db8:0:1:1:1:1:1").to_string(), "2001:db8:0:1:1:1:1:1");  // 4.2.2
  EXPECT_EQ(ip("2001:0:0:1:0:0:0:1").to_string(), "2001:0:0:1::1");           // 4.2.3, longest
  EXPECT_EQ(ip("2001:db8:0:0:1:0:0:1").to_string(), "2001:db8::1:0:0:1");     // 4.2.3, first
  EXPECT_EQ(IpAddress::any_v6().to_string(), "::");
}

TEST(IpAddress, refuses_what_is_no_address) {
  const std::string_view wrong[] = {
      "",        "10.0.0", "10.0.0.256", "10.0.0.1 ", " 10.0.0.1",  "fe80::1%1",
      "1::2::3", ":::",    "12345::",    "localhost", "10.0.0.1/8", "010.0.0.1x"};
  for (const auto text : wrong) EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0x", 10)));
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(IpAddress, knows_its_kinds) {
  EXPECT_TRUE(ip("0.0.0.0").is_any());
  EXPECT_TRUE(ip("::").is_any());
  EXPECT_FALSE(ip("::1").is_any());
  EXPECT_TRUE(ip("127.255.0.1").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("1::1").is_loopback());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(ip("255.255.255.255").is_broadcast());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local());
  EXPECT_TRUE(ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("fec0::1").is_link_local());
}

TEST(IpAddress, only_a_unicast_address_can_have_a_connection) {
  for (const auto text :
       {"1.0.0.0", "127.0.0.1", "169.254.0.1", "223.255.255.255", "::1", "fd00::1"}) {
    EXPECT_TRUE(ip(text).is_unicast()) << text;
  }
  for (const auto text :
       {"0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1"}) {
    EXPECT_FALSE(ip(text).is_unicast()) << text;
  }
}

TEST(Endpoint, parses_and_prints) {
  EXPECT_EQ(Endpoint::parse("10.0.0.1:80"), (Endpoint{ip("10.0.0.1"), Port{80}}));
  EXPECT_EQ(Endpoint::parse("[fe80::1]:65535"), (Endpoint{ip("fe80::1"), Port{65535}}));
  EXPECT_EQ(Endpoint::parse(":80"), (Endpoint{IpAddress::any_v6(), Port{80}}));
  EXPECT_EQ(Endpoint::parse("80"), (Endpoint{IpAddress::any_v6(), Port{80}}));
  EXPECT_EQ((Endpoint{ip("10.0.0.1"), Port{80}}).to_string(), "10.0.0.1:80");
  EXPECT_EQ((Endpoint{ip("fe80::1"), Port{80}}).to_string(), "[fe80::1]:80");
}

TEST(Endpoint, refuses_what_is_none) {
  for (const auto text : {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1",
                          "::1:80", "[::1]", "[::1]80", "[10.0.0.1]:80", "[]:80", "10.0.0.1:+1",
                          "10.0.0.1:80 ", "host:80", "99999999999"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Prefix, contains_addresses_of_its_own_family_alone) {
  const auto block = Prefix::parse("10.1.0.0/20").value();
  EXPECT_TRUE(block.contains(ip("10.1.15.255")));
  EXPECT_FALSE(block.contains(ip("10.1.16.0")));
  EXPECT_FALSE(block.contains(ip("fd00::1")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(ip("1.2.3.4")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->contains(ip("::1")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(ip("1.2.3.4")));
  EXPECT_TRUE(Prefix::parse("fd00::/65")->contains(ip("fd00::7fff:0:0:1")));
  EXPECT_FALSE(Prefix::parse("fd00::/65")->contains(ip("fd00::8000:0:0:1")));
  EXPECT_TRUE(Prefix::parse("10.0.0.1/32")->contains(ip("10.0.0.1")));
  EXPECT_FALSE(Prefix::parse("10.0.0.1/32")->contains(ip("10.0.0.2")));
}

TEST(Prefix, parses_and_prints) {
  EXPECT_EQ(Prefix::parse("fd00::/64")->to_string(), "fd00::/64");
  for (const auto text :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "fd00::/129", "10.0.0.0/-1", "/8"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(MacAddress, parses_and_prints) {
  EXPECT_EQ(MacAddress::parse("02:00:5E:10:ff:01")->to_string(), "02:00:5e:10:ff:01");
  for (const auto text :
       {"", "02:00:5e:10:ff", "02:00:5e:10:ff:0g", "02-00-5e-10-ff-01", "02:00:5e:10:ff:01:"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

}  // namespace
}  // namespace estab
