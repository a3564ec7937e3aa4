#include "dev/tun.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "dev/interface.h"
#include "dev/kernel_peer_test_support.h"
#include "wire/arp.h"

namespace estab::dev {
namespace {

using ::testing::HasSubstr;

const IpAddress kLinux = IpAddress::v4(10, 9, 0, 1);
const IpAddress kUs = IpAddress::v4(10, 9, 0, 2);
const IpAddress kLinux6 = *IpAddress::parse("fd00:9::1");
const IpAddress kUs6 = *IpAddress::parse("fd00:9::2");
constexpr std::size_t kEthernet = wire::EthernetHeader::kSize;

// Why there can be no TUN at all, or "".
std::string no_tun() {
  const FileDescriptor fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  return fd ? "" : std::string("/dev/net/tun: ") + std::strerror(errno);
}

// An open, configured device; Linux has the addresses above.
std::unique_ptr<Device> configured(const TunOptions& options = {}) {
  auto device = open_tun("tun0", options);
  EXPECT_TRUE(device) << device.error();
  if (!device) return nullptr;
  const auto done = configure_interface(
      "tun0", {.addresses = {{kLinux, 24}, {kLinux6, 64}}, .mtu = std::nullopt});
  EXPECT_TRUE(done) << done.error();
  return std::move(*device);
}

TEST(Tun, datagrams_of_linux_arrive_and_pings_are_answered) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto device = configured();
    if (!device) return "";
    EXPECT_TRUE(device->offloads().checksum);
    device->stop_offloads();  // so that Linux computes the checksums
    EXPECT_FALSE(device->offloads().checksum);
    EXPECT_EQ(device->name(), "tun0");
    EXPECT_EQ(device->mtu(), 1500u);
    for (const auto& [us, kernel] : {std::pair(kUs, kLinux), {kUs6, kLinux6}}) {
      EXPECT_TRUE(testing::send_udp(us, 9, "hello"));
      const ReceivedFrame frame = testing::wait_for(*device, [&us = us](Bytes bytes) {
        const auto ip = testing::packet_to(bytes, 0, us, wire::Protocol::kUdp);
        return ip && testing::checksum_is_right(*ip) && ip->payload.size() == 8 + 5 &&
               std::memcmp(ip->payload.data() + 8, "hello", 5) == 0;
      });
      EXPECT_GT(frame.bytes.length, 0u);
      const OutgoingFrame ping = testing::echo_request(us, kernel, std::vector<std::uint8_t>(1400));
      EXPECT_EQ(device->send(Instant{}, {&ping, 1}), 1u);
      const ReceivedFrame pong = testing::wait_for(
          *device, [&us = us](Bytes bytes) { return testing::is_echo_reply(bytes, 0, us); });
      EXPECT_GT(pong.bytes.length, 1400u);
    }
    EXPECT_EQ(device->dropped(), 0u);
    return "";
  });
}

TEST(Tun, a_tap_carries_ethernet) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    TunOptions options;
    options.link = LinkKind::kEthernet;
    options.mac = MacAddress{{2, 0, 0, 0, 0, 9}};
    auto device = configured(options);
    if (!device) return "";
    EXPECT_EQ(device->mac(), *options.mac);
    OutgoingFrame frame;
    wire::ArpPacket arp;
    arp.sender_mac = device->mac();
    arp.sender = kUs;
    arp.target = kLinux;
    wire::build_arp(arp, frame.prepend(wire::ArpPacket::kSize));
    wire::build_ethernet({MacAddress::broadcast(), device->mac(), 0x0806},
                         frame.prepend(kEthernet));
    EXPECT_EQ(device->send(Instant{}, {&frame, 1}), 1u);
    const auto is_answer = [](Bytes bytes) {
      const auto header = wire::parse_ethernet(bytes);
      if (!header || header->type != 0x0806) return false;
      const auto reply = wire::parse_arp(bytes.subspan(kEthernet));
      return reply && reply->operation == wire::ArpOperation::kReply && reply->sender == kLinux &&
             reply->sender_mac == interface_state("tun0")->mac;
    };
    EXPECT_GT(testing::wait_for(*device, is_answer).bytes.length, 0u);
    return "";
  });
}

TEST(Tun, the_receive_limit_is_kept_and_the_rest_stays) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto device = configured();
    if (!device) return "";
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(testing::send_udp(kUs, 9, "x"));
    std::vector<ReceivedFrame> in;
    device->receive(Instant{}, 3, in);
    EXPECT_EQ(in.size(), 3u);
    device->receive(Instant{}, 1000, in);
    EXPECT_GE(in.size(), 10u);
    in.clear();
    device->receive(Instant{}, 1000, in);
    EXPECT_TRUE(in.empty());
    return "";
  });
}

TEST(Tun, several_queues_share_the_flows) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto queues = open_tun_queues("tun0", 4);
    EXPECT_TRUE(queues) << queues.error();
    if (!queues) return "";
    const auto done =
        configure_interface("tun0", {.addresses = {{kLinux, 24}}, .mtu = std::nullopt});
    EXPECT_TRUE(done) << done.error();
    for (std::uint16_t port = 1; port <= 200; ++port) testing::send_udp(kUs, port, "x");
    std::size_t datagrams = 0;
    std::size_t used = 0;
    for (auto& queue : *queues) {
      std::vector<ReceivedFrame> in;
      queue->receive(Instant{}, 1000, in);
      std::size_t here = 0;
      for (const ReceivedFrame& frame : in) {
        if (testing::packet_to(frame.bytes.bytes(), 0, kUs, wire::Protocol::kUdp)) ++here;
      }
      datagrams += here;
      used += here > 0 ? 1 : 0;
    }
    EXPECT_EQ(datagrams, 200u);
    EXPECT_GT(used, 1u);
    return "";
  });
}

TEST(Tun, the_transmit_queue_is_raised) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto device = configured();
    ifreq request{};
    std::strcpy(request.ifr_name, "tun0");
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
    EXPECT_EQ(::ioctl(socket.get(), SIOCGIFTXQLEN, &request), 0);
    EXPECT_EQ(request.ifr_qlen, 10'000);
    return "";
  });
}

TEST(Tun, the_mtu_is_set_and_a_raised_one_is_followed) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    for (const bool offloads : {false, true}) {
      TunOptions options;
      options.mtu = 1400;
      options.offloads = offloads;
      auto device = configured(options);
      if (!device) return "";
      EXPECT_EQ(device->offloads().checksum, offloads);
      EXPECT_EQ(device->mtu(), 1400u);
      EXPECT_TRUE(set_mtu("tun0", 9000));
      EXPECT_TRUE(testing::send_udp(kUs, 9, std::string(8000, 'x')));
      std::vector<ReceivedFrame> in;
      device->receive(Instant{}, 1000, in);
      // Without offloads there was no room for it.
      EXPECT_EQ(device->dropped(), offloads ? 0u : 1u);
      EXPECT_EQ(device->mtu(), 9000u);
      EXPECT_TRUE(testing::send_udp(kUs, 9, std::string(8000, 'x')));
      const auto frame =
          testing::wait_for(*device, [](Bytes bytes) { return bytes.size() == 8000 + 8 + 20; });
      EXPECT_GT(frame.bytes.length, 0u);
    }
    return "";
  });
}

TEST(Tun, a_deleted_or_downed_interface_is_no_crash) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto device = open_tun("tun0");  // never brought up
    EXPECT_TRUE(device) << device.error();
    const OutgoingFrame ping = testing::echo_request(kUs, kLinux, {});
    EXPECT_EQ((*device)->send(Instant{}, {&ping, 1}), 1u);
    EXPECT_EQ((*device)->dropped(), 1u);
    return "";
  });
}

// What open_tun(name, options) complains of.
std::string complaint(const std::string& name, LinkKind link = LinkKind::kIp) {
  TunOptions options;
  options.link = link;
  const auto device = open_tun(name, options);
  EXPECT_FALSE(device);
  if (device) return "";
  EXPECT_EQ(device.error().find('\n'), std::string::npos);
  return device.error();
}

TEST(Tun, errors_say_how_to_mend_it) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    auto device = configured();
    EXPECT_THAT(complaint("tun0"), HasSubstr("in use by pid " + std::to_string(::getpid())));
    EXPECT_THAT(complaint("tun0", LinkKind::kEthernet), HasSubstr("exists as a tun"));
    EXPECT_THAT(complaint("a/b"), HasSubstr("no interface name"));
    EXPECT_THAT(complaint("0123456789abcdef"), HasSubstr("no interface name"));
    if (std::system("ip link add veth0 type veth peer name veth1 2>/dev/null") == 0) {
      EXPECT_THAT(complaint("veth0"), HasSubstr("--device packet:veth0"));
    }
    const auto queues = open_tun_queues("tun0", 2);
    EXPECT_FALSE(queues);
    EXPECT_TRUE(testing::drop_privileges());
    EXPECT_THAT(complaint("tun1"), HasSubstr("needs CAP_NET_ADMIN"));
    const auto mtu = configure_interface("tun0", {.addresses = {}, .mtu = 1300});
    EXPECT_FALSE(mtu);
    EXPECT_THAT(mtu ? "" : mtu.error(), HasSubstr("needs CAP_NET_ADMIN"));
    return "";
  });
}

TEST(Tun, a_persistent_device_is_attached_to_whatever_its_queues) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = no_tun(); !reason.empty()) return reason;
    if (std::system("ip tuntap add dev one mode tun && "
                    "ip tuntap add dev many mode tun multi_queue") != 0) {
      return "no ip command here";
    }
    for (const char* name : {"one", "many"}) {
      const auto device = open_tun(name);
      EXPECT_TRUE(device) << device.error();
    }
    EXPECT_TRUE(interface_state("one"));  // it outlives its user
    EXPECT_TRUE(open_tun_queues("many", 3));
    const auto refused = open_tun_queues("one", 3);
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused ? "" : refused.error(), HasSubstr("multi_queue"));
    return "";
  });
}

}  // namespace
}  // namespace estab::dev
