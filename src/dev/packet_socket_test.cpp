#include "dev/packet_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "dev/interface.h"
#include "dev/kernel_peer_test_support.h"
#include "wire/tcp.h"

namespace estab::dev {
namespace {

using ::testing::HasSubstr;

const IpAddress kLinux = IpAddress::v4(10, 9, 0, 1);
const IpAddress kUs = IpAddress::v4(10, 9, 0, 2);
const IpAddress kLinux6 = *IpAddress::parse("fd00:9::1");
const IpAddress kUs6 = *IpAddress::parse("fd00:9::2");
const MacAddress kOurMac{{2, 0, 0, 0, 0, 9}};
constexpr std::size_t kEthernet = wire::EthernetHeader::kSize;

bool run(const std::string& command) {
  return std::system((command + " 2>/dev/null").c_str()) == 0;
}

// Linux has the addresses above on veth0 and knows where we are; "" or why it cannot be.
std::string make_veth() {
  if (!run("ip link add veth0 type veth peer name veth1")) return "no veth, or no ip command here";
  EXPECT_TRUE(set_up("veth1"));  // first, so that veth0 has a carrier as soon as it is up
  const auto done = configure_interface(
      "veth0", {.addresses = {{kLinux, 24}, {kLinux6, 64}}, .mtu = std::nullopt});
  EXPECT_TRUE(done) << done.error();
  for (const IpAddress& us : {kUs, kUs6}) {
    EXPECT_TRUE(run("ip neigh add " + us.to_string() + " lladdr " + kOurMac.to_string() +
                    " dev veth0 nud permanent"));
  }
  return "";
}

std::unique_ptr<Device> opened(bool offloads = false) {
  PacketOptions options;
  options.mac = kOurMac;
  options.offloads = offloads;
  auto device = open_packet_socket("veth1", options);
  EXPECT_TRUE(device) << device.error();
  return device ? std::move(*device) : nullptr;
}

wire::EthernetHeader to_linux(bool v6) {
  return {interface_state("veth0")->mac, kOurMac,
          static_cast<std::uint16_t>(v6 ? wire::EtherType::kIpv6 : wire::EtherType::kIpv4)};
}

TEST(PacketSocket, datagrams_arrive_with_whole_checksums_and_pings_are_answered) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    auto device = opened();
    if (!device) return "";
    EXPECT_EQ(device->mac(), kOurMac);
    EXPECT_EQ(device->mtu(), 1500u);
    for (const auto& [us, kernel] : {std::pair(kUs, kLinux), {kUs6, kLinux6}}) {
      EXPECT_TRUE(testing::send_udp(us, 9, "hello"));
      const ReceivedFrame frame = testing::wait_for(*device, [&us = us](Bytes bytes) {
        const auto ip = testing::packet_to(bytes, kEthernet, us, wire::Protocol::kUdp);
        return ip && testing::checksum_is_right(*ip);
      });
      EXPECT_TRUE(frame.checksum_vouched);
      const auto ethernet = to_linux(us.is_v6());
      const OutgoingFrame ping =
          testing::echo_request(us, kernel, std::vector<std::uint8_t>(1400), &ethernet);
      EXPECT_EQ(device->send(Instant{}, {&ping, 1}), 1u);
      const ReceivedFrame pong = testing::wait_for(*device, [&us = us](Bytes bytes) {
        return testing::is_echo_reply(bytes, kEthernet, us);
      });
      EXPECT_GT(pong.bytes.length, 1400u);
    }
    EXPECT_EQ(device->dropped(), 0u);
    return "";
  });
}

TEST(PacketSocket, it_does_not_hear_itself_and_drops_what_is_too_long) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    auto device = opened();
    if (!device) return "";
    const auto ethernet = to_linux(false);
    const std::array frames{
        testing::echo_request(kUs, kLinux, std::vector<std::uint8_t>(1600), &ethernet),
        testing::echo_request(kUs, kLinux, std::vector<std::uint8_t>(100), &ethernet)};
    EXPECT_EQ(device->send(Instant{}, frames), 2u);
    EXPECT_EQ(device->dropped(), 1u);
    int from_us = 0;
    const auto reply = testing::wait_for(*device, [&](Bytes bytes) {
      const auto header = wire::parse_ethernet(bytes);
      if (header && header->source == kOurMac) ++from_us;
      return testing::is_echo_reply(bytes, kEthernet, kUs);
    });
    EXPECT_GT(reply.bytes.length, 0u);
    EXPECT_EQ(from_us, 0);
    return "";
  });
}

// --- bulk ---------------------------------------------------------------------------------------

constexpr std::uint64_t kBulk = 32 << 20;
std::uint8_t pattern(std::uint64_t at) { return static_cast<std::uint8_t>(at % 251); }

// Linux's side: connects to `us`, sends kBulk bytes of the pattern, waits for the end.
void send_bulk(const IpAddress& us) {
  sockaddr_storage address;
  const socklen_t length = testing::socket_address(us, 80, address);
  const FileDescriptor socket(::socket(address.ss_family, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  std::vector<std::uint8_t> chunk(251 * 1024);
  for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = pattern(i);
  for (std::uint64_t sent = 0; sent < kBulk;) {
    const std::size_t begin = sent % 251;
    const std::size_t count = std::min<std::uint64_t>(chunk.size() - begin, kBulk - sent);
    const ssize_t put = ::send(socket.get(), chunk.data() + begin, count, MSG_NOSIGNAL);
    ASSERT_GT(put, 0);
    sent += static_cast<std::uint64_t>(put);
  }
  ::shutdown(socket.get(), SHUT_WR);
  std::uint8_t end;
  EXPECT_EQ(::recv(socket.get(), &end, 1, 0), 0);
}

// Our side: as much of a TCP as receives one stream in order.
class BulkReceiver {
 public:
  explicit BulkReceiver(Device& device) : device_(device) {}

  void run() {
    std::vector<ReceivedFrame> in;
    while (!finished_) {
      in.clear();
      device_.receive(Instant{}, 256, in);
      for (const ReceivedFrame& frame : in) take(frame);
      if (acknowledge_) answer(wire::kAck);
      acknowledge_ = false;
      if (!in.empty()) continue;
      pollfd ready{device_.poll_fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&ready, 1, 20'000), 1) << "stalled at " << received;
    }
  }
  std::uint64_t received = 0;
  std::uint64_t wrong_bytes = 0;
  std::size_t bad_checksums = 0;
  std::size_t largest_frame = 0;

 private:
  void take(const ReceivedFrame& frame) {
    const auto ip = wire::parse_ip(frame.bytes.bytes().subspan(kEthernet));
    if (!ip || ip->protocol != 6) return;
    largest_frame = std::max<std::size_t>(largest_frame, frame.bytes.length);
    const auto segment = wire::parse_tcp(*ip, frame.bytes.buffer, frame.checksum_vouched);
    if (!segment) {
      ++bad_checksums;
      return;
    }
    if (segment->has(wire::kSyn)) {
      reply_.tuple = segment->tuple;
      next_ = segment->seq.value + 1;
      answer(wire::kSyn | wire::kAck);
      return;
    }
    acknowledge_ = true;
    if (segment->seq.value != next_) return;
    for (std::size_t i = 0; i < segment->payload.pieces(); ++i) {
      for (std::uint8_t byte : segment->payload[i].bytes()) {
        wrong_bytes += byte != pattern(received++) ? 1 : 0;
      }
    }
    next_ += segment->length();
    if (!segment->has(wire::kFin)) {
      acknowledge_ = segment->payload.size() > 0;
      return;
    }
    answer(wire::kFin | wire::kAck);
    finished_ = true;
  }
  void answer(wire::Flags flags) {
    reply_.flags = flags;
    const bool syn = (flags & wire::kSyn) != 0;
    reply_.seq = WireSeq{syn ? 0u : 1u};
    reply_.ack = WireSeq{next_};
    reply_.window = 65535;
    reply_.options = {};
    if (syn) reply_.options.mss = 1460;
    if (syn) reply_.options.window_scale = 6;
    const bool v6 = reply_.tuple.local.address.is_v6();
    const auto ethernet = to_linux(v6);
    std::uint8_t tcp[wire::kMaxTcpHeader];
    const std::size_t size = wire::build_tcp(reply_, tcp);
    OutgoingFrame frame;
    std::memcpy(frame.prepend(size), tcp, size);
    wire::IpPacket ip;
    ip.source = reply_.tuple.local.address;
    ip.destination = reply_.tuple.remote.address;
    ip.protocol = 6;
    testing::prepend_ip(frame, ip, &ethernet);
    device_.send(Instant{}, {&frame, 1});
  }

  Device& device_;
  wire::Segment reply_;
  std::uint32_t next_ = 0;
  bool acknowledge_ = false;
  bool finished_ = false;
};

// Moves kBulk bytes from Linux to us; the largest frame that came.
std::size_t move_bulk(Device& device, const IpAddress& us) {
  BulkReceiver receiver(device);
  std::thread sender([&] { send_bulk(us); });
  receiver.run();
  sender.join();
  EXPECT_EQ(receiver.received, kBulk);
  EXPECT_EQ(receiver.wrong_bytes, 0u);
  EXPECT_EQ(receiver.bad_checksums, 0u);
  return receiver.largest_frame;
}

TEST(PacketSocket, bulk_from_linux_comes_in_frames_of_the_mtu) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    auto device = opened();
    if (!device) return "";
    EXPECT_EQ(move_bulk(*device, kUs), 1514u);
    EXPECT_EQ(move_bulk(*device, kUs6), 1514u);
    return "";
  });
}

TEST(PacketSocket, large_frames_are_kept_when_asked_for) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    auto device = opened(true);
    if (!device) return "";
    EXPECT_GT(move_bulk(*device, kUs), 10'000u);
    EXPECT_GT(move_bulk(*device, kUs6), 10'000u);
    return "";
  });
}

// ------------------------------------------------------------------------------------------------

TEST(PacketSocket, whose_address_it_has) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    PacketOptions options;
    options.station = StationAddress::kInterface;
    const auto same = open_packet_socket("veth1", options);
    const auto random = open_packet_socket("veth1");
    EXPECT_TRUE(same && random);
    if (!same || !random) return "";
    EXPECT_EQ((*same)->mac(), interface_state("veth1")->mac);
    EXPECT_EQ((*random)->mac().bytes[0] & 0x03, 0x02);
    return "";
  });
}

TEST(PacketSocket, errors_say_how_to_mend_it) {
  ESTAB_IN_NAMESPACE([]() -> std::string {
    if (std::string reason = make_veth(); !reason.empty()) return reason;
    const auto complaint = [](const std::string& name) {
      const auto device = open_packet_socket(name);
      EXPECT_FALSE(device);
      return device ? "" : device.error();
    };
    EXPECT_THAT(complaint("nope0"), HasSubstr("ip link add nope0 type veth"));
    EXPECT_THAT(complaint("lo"), HasSubstr("no Ethernet interface"));
    EXPECT_TRUE(testing::drop_privileges());
    EXPECT_THAT(complaint("veth1"), HasSubstr("needs CAP_NET_RAW"));
    return "";
  });
}

}  // namespace
}  // namespace estab::dev
