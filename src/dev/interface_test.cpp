#include "dev/interface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

#include <set>

#include "dev/kernel_peer_test_support.h"

namespace estab::dev {
namespace {

using ::testing::HasSubstr;

std::set<IpAddress> addresses_of(const std::string& name) {
  std::set<IpAddress> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs* a = list; a != nullptr; a = a->ifa_next) {
    if (name != a->ifa_name || a->ifa_addr == nullptr) continue;
    if (a->ifa_addr->sa_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(a->ifa_addr);
      found.insert(IpAddress::v4(ntohl(in->sin_addr.s_addr)));
    } else if (a->ifa_addr->sa_family == AF_INET6) {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(a->ifa_addr);
      found.insert(wire::load_v6(in6->sin6_addr.s6_addr));
    }
  }
  ::freeifaddrs(list);
  return found;
}

TEST(ConfigureInterface, addresses_mtu_and_up_are_set_and_may_be_set_again) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    EXPECT_FALSE(interface_state("lo")->up);
    const IpAddress v4 = IpAddress::v4(10, 9, 0, 1);
    const IpAddress v6 = *IpAddress::parse("fd00:9::1");
    for (int again = 0; again < 2; ++again) {
      const auto done = configure_interface("lo", {.addresses = {{v4, 24}, {v6, 64}}, .mtu = 9000});
      EXPECT_TRUE(done) << done.error();
    }
    EXPECT_TRUE(interface_state("lo")->up);
    EXPECT_EQ(interface_state("lo")->mtu, 9000u);
    EXPECT_FALSE(interface_state("lo")->ethernet);
    const auto found = addresses_of("lo");
    EXPECT_TRUE(found.contains(v4));
    EXPECT_TRUE(found.contains(v6));
    return "";
  });
}

TEST(ConfigureInterface, errors_are_one_line_that_names_the_interface) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    const auto none = configure_interface("nope0", {.addresses = {}, .mtu = std::nullopt});
    EXPECT_THAT(none ? "" : none.error(), HasSubstr("no interface nope0"));
    const auto tiny = configure_interface("lo", {.addresses = {}, .mtu = 0xffffffff});
    EXPECT_THAT(tiny ? "" : tiny.error(), HasSubstr("cannot set the MTU 4294967295 on lo"));
    EXPECT_TRUE(testing::drop_privileges());
    const auto refused = configure_interface("lo", {.addresses = {}, .mtu = std::nullopt});
    EXPECT_THAT(refused ? "" : refused.error(), HasSubstr("needs CAP_NET_ADMIN"));
    return "";
  });
}

TEST(InterfaceName, what_linux_takes) {
  for (const char* good : {"tun0", "a", "123456789012345", "tun%d", "veth-1.2"}) {
    EXPECT_TRUE(is_interface_name(good)) << good;
  }
  for (const char* bad : {"", "1234567890123456", "a/b", "a b", "a:1", ".", ".."}) {
    EXPECT_FALSE(is_interface_name(bad)) << bad;
  }
}

TEST(DeviceSpec, what_was_expected) {
  for (const char* spec : {"", "tun", "tun:", "eth:x", "tap", ":", "tun0"}) {
    const auto device = open_device(spec);
    ASSERT_FALSE(device) << spec;
    EXPECT_THAT(device.error(), HasSubstr("tun:NAME, tap:NAME or packet:INTERFACE")) << spec;
  }
}

TEST(DeviceSpec, each_kind_is_opened) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    const FileDescriptor tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (!tun) return std::string("/dev/net/tun: ") + std::strerror(errno);
    DeviceSettings settings;
    settings.mtu = 1280;
    settings.mac = MacAddress{{2, 0, 0, 0, 0, 7}};
    const auto ip = open_device("tun:a", settings);
    const auto ethernet = open_device("tap:b", settings);
    EXPECT_TRUE(ip && ethernet);
    if (!ip || !ethernet) return "";
    const auto packet = open_device("packet:b", settings);
    EXPECT_TRUE(packet) << packet.error();
    EXPECT_EQ((*ip)->link(), LinkKind::kIp);
    EXPECT_EQ((*ip)->mtu(), 1280u);
    EXPECT_EQ((*ethernet)->mac(), *settings.mac);
    EXPECT_EQ((*ethernet)->mtu(), 1280u);
    return "";
  });
}

}  // namespace
}  // namespace estab::dev
