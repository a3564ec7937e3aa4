#include "stack/bindings.h"

#include <gtest/gtest.h>

namespace estab::stack {
namespace {

const IpAddress kA = IpAddress::v4(10, 0, 0, 1);
const IpAddress kB = IpAddress::v4(10, 0, 0, 2);
const IpAddress kV6 = *IpAddress::parse("fd00::1");
const IpAddress kAny4 = IpAddress::any_v4();
const IpAddress kAny6 = IpAddress::any_v6();
constexpr Port kPort{80};

Holder at(const IpAddress& address, bool v6_only = false) {
  Holder h;
  h.address = address;
  h.v6_only = v6_only;
  return h;
}

TEST(Bindings, which_addresses_overlap) {
  struct Case {
    Holder a, b;
    bool overlap;
  };
  const Case cases[] = {
      {at(kA), at(kA), true},
      {at(kA), at(kB), false},
      {at(kA), at(kV6), false},
      {at(kAny4), at(kA), true},
      {at(kAny4), at(kV6), false},
      {at(kAny4), at(kAny4), true},
      {at(kAny6), at(kA), true},
      {at(kAny6), at(kV6), true},
      {at(kAny6), at(kAny4), true},
      {at(kAny6, true), at(kA), false},
      {at(kAny6, true), at(kV6), true},
      {at(kAny6, true), at(kAny4), false},
      {at(kAny6, true), at(kAny6), true},
      {at(kAny6, true), at(kAny6, true), true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(addresses_overlap(c.a, c.b), c.overlap)
        << c.a.address.to_string() << c.a.v6_only << " " << c.b.address.to_string();
    EXPECT_EQ(addresses_overlap(c.b, c.a), c.overlap);
  }
}

// Every newcomer against every holder of the same name, as Linux 6.12's inet_bind_conflict() has
// it: written out, not computed.
TEST(Bindings, the_matrix_of_reuse) {
  using K = HolderKind;
  struct Case {
    bool addr, port;  // newcomer: SO_REUSEADDR, SO_REUSEPORT
    K kind;
    bool held_addr, held_port, same_owner;
    bool conflict;
  };
  const Case cases[] = {
      // nobody asks for anything
      {false, false, K::kOther, false, false, true, true},
      {false, false, K::kListener, false, false, true, true},
      {false, false, K::kTimeWait, false, false, true, true},
      // the newcomer alone asks: not enough
      {true, false, K::kOther, false, false, true, true},
      {true, false, K::kTimeWait, false, false, true, true},
      // the holder alone allows: not enough
      {false, false, K::kTimeWait, true, false, true, true},
      {false, false, K::kOther, true, false, true, true},
      // SO_REUSEADDR on both: anything but a listener
      {true, false, K::kOther, true, false, true, false},
      {true, false, K::kTimeWait, true, false, true, false},
      {true, false, K::kListener, true, false, true, true},
      {true, false, K::kOther, true, false, false, false},
      // SO_REUSEPORT on both: one owner, listeners too
      {false, true, K::kListener, false, true, true, false},
      {false, true, K::kListener, false, true, false, true},
      {false, true, K::kOther, false, true, false, true},
      {false, true, K::kTimeWait, false, true, false, false},
      {false, true, K::kListener, true, false, true, true},
      {true, true, K::kListener, true, false, true, true},
      {true, true, K::kListener, true, true, true, false},
      {true, false, K::kListener, true, true, true, true},
  };
  int n = 0;
  for (const Case& c : cases) {
    PortHolders ports;
    Holder holder = at(kAny4);
    holder.kind = c.kind;
    holder.reuse_address = c.held_addr;
    holder.reuse_port = c.held_port;
    holder.owner = 1;
    ports.add(kPort, holder);
    Holder newcomer = at(kA);
    newcomer.reuse_address = c.addr;
    newcomer.reuse_port = c.port;
    newcomer.owner = c.same_owner ? 1 : 2;
    EXPECT_EQ(ports.conflicts(kPort, newcomer), c.conflict) << "case " << n;
    newcomer.address = kV6;
    EXPECT_FALSE(ports.conflicts(kPort, newcomer)) << "case " << n;
    ++n;
  }
}

TEST(Bindings, alike_holders_are_counted) {
  PortHolders ports;
  Holder h = at(kA);
  h.kind = HolderKind::kTimeWait;
  for (int i = 0; i < 100000; ++i) ports.add(kPort, h);
  for (int i = 0; i < 99999; ++i) ports.remove(kPort, h);
  EXPECT_TRUE(ports.conflicts(kPort, at(kAny4)));
  ports.remove(kPort, h);
  EXPECT_FALSE(ports.conflicts(kPort, at(kAny4)));
  EXPECT_EQ(ports.ports(), 0u);
}

TEST(Bindings, a_free_port_is_found_until_there_is_none) {
  PortHolders ports;
  Random random(1);
  for (int i = 0; i < 11; ++i) {
    const auto port = ports.find_free(at(kA), 2000, 2010, random);
    ASSERT_TRUE(port);
    EXPECT_FALSE(ports.occupied(*port, at(kA)));
    ports.add(*port, at(kA));
  }
  EXPECT_FALSE(ports.find_free(at(kAny4), 2000, 2010, random));
  EXPECT_TRUE(ports.find_free(at(kB), 2000, 2010, random));
}

TEST(Bindings, connect_passes_over_named_ports_alone) {
  PortHolders ports;
  Holder chosen = at(kA);
  chosen.autobound = true;
  ports.add(kPort, chosen);
  EXPECT_FALSE(ports.named(kPort));
  ports.add(kPort, at(kA));
  EXPECT_TRUE(ports.named(kPort));
}

}  // namespace
}  // namespace estab::stack
