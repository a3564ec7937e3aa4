#include "ip/routes.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using testing::address;
using testing::done;
using testing::prefix;

constexpr InterfaceId kOne{1};
constexpr InterfaceId kTwo{2};

RouteTable two_links() {
  RouteTable t;
  done(t.add_address(kOne, prefix("10.0.0.2/24")));
  done(t.add_address(kOne, prefix("fd00::2/64")));
  done(t.add_address(kTwo, prefix("192.168.7.9/30")));
  done(t.add_route(prefix("0.0.0.0/0"), address("10.0.0.1"), kOne));
  done(t.add_route(prefix("172.16.0.0/12"), address("192.168.7.10"), kTwo));
  return t;
}

TEST(Routes, the_longest_prefix_wins) {
  const RouteTable t = two_links();
  EXPECT_EQ(t.lookup(address("172.16.5.5"))->interface, kTwo);
  EXPECT_EQ(t.lookup(address("172.16.5.5"))->address, address("192.168.7.10"));
  EXPECT_EQ(t.lookup(address("8.8.8.8"))->address, address("10.0.0.1"));
  EXPECT_EQ(t.lookup(address("10.0.0.77"))->address, address("10.0.0.77"));
  EXPECT_FALSE(t.lookup(address("2001:db8::1")));
}

TEST(Routes, own_addresses_and_loopback_stay_inside) {
  const RouteTable t = two_links();
  for (const char* own : {"10.0.0.2", "fd00::2", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_EQ(t.lookup(address(own))->interface, InterfaceId::kLoopback) << own;
    EXPECT_TRUE(t.is_local(address(own)));
  }
  EXPECT_FALSE(t.is_local(address("10.0.0.3")));
}

// proves: MUST-46
TEST(Routes, broadcast_and_multicast_have_no_route) {
  const RouteTable t = two_links();
  for (const char* group : {"10.0.0.255", "10.0.0.0", "255.255.255.255", "224.0.0.1", "0.0.0.0",
                            "240.0.0.1", "192.168.7.11", "ff02::1", "::"}) {
    EXPECT_FALSE(t.lookup(address(group))) << group;
  }
  EXPECT_TRUE(t.is_broadcast(address("192.168.7.11")));
  EXPECT_FALSE(t.is_broadcast(address("192.168.7.10")));
}

TEST(Routes, a_network_of_two_has_no_broadcast_address) {
  RouteTable t;
  done(t.add_address(kOne, prefix("10.1.0.0/31")));
  EXPECT_FALSE(t.is_broadcast(address("10.1.0.1")));
  EXPECT_TRUE(t.lookup(address("10.1.0.1")));
}

TEST(Routes, source_is_chosen_on_the_way_out) {
  RouteTable t = two_links();
  EXPECT_EQ(t.source_for(address("8.8.8.8")), address("10.0.0.2"));
  EXPECT_EQ(t.source_for(address("172.20.0.1")), address("192.168.7.9"));
  EXPECT_EQ(t.source_for(address("10.0.0.2")), address("10.0.0.2"));
  EXPECT_EQ(t.source_for(address("127.3.3.3")), address("127.0.0.1"));
  EXPECT_EQ(t.source_for(address("::1")), address("::1"));
  EXPECT_FALSE(t.source_for(address("2001:db8::1")));
  // A second network on the link: its own members see an address of theirs.
  done(t.add_address(kOne, prefix("10.9.0.2/24")));
  EXPECT_EQ(t.source_for(address("10.9.0.7")), address("10.9.0.2"));
  EXPECT_EQ(t.source_for(address("8.8.8.8")), address("10.0.0.2"));
}

TEST(Routes, link_local_is_no_source_for_the_world) {
  RouteTable t;
  done(t.add_address(kOne, prefix("fe80::2/64")));
  done(t.add_address(kOne, prefix("fd00::2/64")));
  done(t.add_route(prefix("::/0"), address("fe80::1"), kOne));
  EXPECT_EQ(t.source_for(address("2001:db8::1")), address("fd00::2"));
  EXPECT_EQ(t.source_for(address("fe80::9")), address("fe80::2"));
}

TEST(Routes, link_local_destinations_leave_where_the_question_came_in) {
  RouteTable t;
  done(t.add_address(kOne, prefix("fe80::1:2/64")));
  done(t.add_address(kTwo, prefix("fe80::2:2/64")));
  EXPECT_EQ(t.lookup(address("fe80::9"), kTwo)->interface, kTwo);
  EXPECT_EQ(t.lookup(address("fe80::9"), kOne)->interface, kOne);
}

TEST(Routes, wrong_configuration_is_refused) {
  RouteTable t = two_links();
  EXPECT_EQ(t.add_address(kOne, prefix("224.0.0.1/24")).error().value(), EINVAL);
  EXPECT_EQ(t.add_address(kOne, {address("10.0.0.9"), 33}).error().value(), EINVAL);
  EXPECT_EQ(t.add_address(kTwo, prefix("10.0.0.2/8")).error().value(), EEXIST);
  EXPECT_EQ(t.add_route(prefix("::/0"), address("10.0.0.1"), kOne).error().value(), EINVAL);
  EXPECT_EQ(t.add_route(prefix("0.0.0.0/0"), address("10.0.0.1"), kOne).error().value(), EEXIST);
  EXPECT_EQ(t.remove_route(prefix("1.0.0.0/8"), kOne).error().value(), ESRCH);
  EXPECT_EQ(t.remove_address(kTwo, address("10.0.0.2")).error().value(), EADDRNOTAVAIL);
}

TEST(Routes, an_address_takes_its_network_along) {
  RouteTable t = two_links();
  done(t.add_address(kOne, prefix("10.0.0.3/24")));
  done(t.remove_address(kOne, address("10.0.0.2")));
  EXPECT_EQ(t.lookup(address("10.0.0.77"))->address, address("10.0.0.77"));
  done(t.remove_address(kOne, address("10.0.0.3")));
  EXPECT_EQ(t.lookup(address("10.0.0.77"))->address, address("10.0.0.1"));
  EXPECT_FALSE(t.is_broadcast(address("10.0.0.255")));
}

TEST(Routes, an_interface_takes_all_along) {
  RouteTable t = two_links();
  t.remove_interface(kOne);
  EXPECT_FALSE(t.lookup(address("8.8.8.8")));
  EXPECT_FALSE(t.is_local(address("10.0.0.2")));
  EXPECT_EQ(t.lookup(address("172.16.5.5"))->interface, kTwo);
  EXPECT_EQ(t.addresses().size(), 1u);
}

TEST(Routes, joined_groups_are_those_of_our_addresses) {
  const RouteTable t = two_links();
  EXPECT_TRUE(t.is_joined_group(address("ff02::1")));
  EXPECT_TRUE(t.is_joined_group(address("ff02::1:ff00:2")));
  EXPECT_FALSE(t.is_joined_group(address("ff02::1:ff00:3")));
  EXPECT_FALSE(t.is_joined_group(address("ff02::2")));
}

}  // namespace
}  // namespace estab::ip
