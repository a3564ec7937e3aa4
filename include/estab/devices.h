// Making devices: Linux's TUN, TAP and packet sockets, a pair in memory, and the decorators that
// wrap any of them. Each function that can fail returns one line that says how to mend it.
//
//   auto device = estab::dev::open_device("tun:tun0");
//   if (!device) return complain(device.error());
//   *device = estab::dev::with_faults(std::move(*device), *estab::dev::parse_faults("loss=2%"));
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "estab/address.h"
#include "estab/device.h"
#include "estab/time.h"

namespace estab::dev {

using Opened = tl::expected<std::unique_ptr<Device>, std::string>;

// --- clock and entropy --------------------------------------------------------------------------
// CLOCK_MONOTONIC: the `now` of a stack that runs against the wall clock.
Instant now();
// What to add to now() to get the time since 1970, for captures that others read.
Duration wall_clock_offset();
// 64 bits of the system's entropy, to seed an estab::Random.
std::uint64_t entropy_seed();
// A random unicast, locally administered address.
MacAddress random_mac();

// --- TUN and TAP (tun.h) ------------------------------------------------------------------------
struct TunOptions {
  LinkKind link = LinkKind::kIp;       // kIp: TUN, kEthernet: TAP
  std::optional<std::size_t> mtu;      // bytes; set on the interface (needs CAP_NET_ADMIN)
  std::optional<MacAddress> mac;       // TAP: this end's own address; none: a random one
  std::size_t transmit_queue = 10000;  // Linux's txqueuelen, raised to this when privileged
  bool offloads = true;  // checksums and segmentation are Linux's (IFF_VNET_HDR), where it can
};
// Attaches to the persistent device `name` or creates one that goes when it is closed.
Opened open_tun(const std::string& name, const TunOptions& options = {});
// `queues` devices on one interface (IFF_MULTI_QUEUE); Linux spreads flows over them by hash.
tl::expected<std::vector<std::unique_ptr<Device>>, std::string> open_tun_queues(
    const std::string& name, std::size_t queues, const TunOptions& options = {});

// --- AF_PACKET (packet_socket.h) ----------------------------------------------------------------
enum class StationAddress : std::uint8_t {
  kOwn,        // PacketOptions::mac, or a random one: the interface is made promiscuous
  kInterface,  // the interface's; Linux must then have no IP address on it
};
struct PacketOptions {
  StationAddress station = StationAddress::kOwn;
  std::optional<MacAddress> mac;
  std::optional<std::size_t> mtu;  // bytes; set on the interface (needs CAP_NET_ADMIN)
  // Frames of up to 64 KB are handed on as they are, both ways. Otherwise they are cut to the MTU,
  // as the wire would have carried them.
  bool offloads = true;
};
Opened open_packet_socket(const std::string& interface, const PacketOptions& options = {});

// --- by name (device_spec.h) --------------------------------------------------------------------
struct DeviceSettings {
  std::optional<std::size_t> mtu;  // bytes
  std::optional<MacAddress> mac;   // TAP and packet: this end's address
};
// "tun:NAME", "tap:NAME", "packet:INTERFACE".
Opened open_device(std::string_view spec, const DeviceSettings& settings = {});

// --- Linux's side of the link (interface.h) -----------------------------------------------------
struct InterfaceSettings {
  std::vector<Prefix> addresses;  // host bits kept: {10.0.0.1, 24}; IPv6 without DAD
  std::optional<std::size_t> mtu;
  bool up = true;
};
// Over netlink; needs CAP_NET_ADMIN. Setting what is already set is no error.
tl::expected<void, std::string> configure_interface(const std::string& name,
                                                    const InterfaceSettings& settings);

// --- two devices back to back in memory (memory_pair.h) -----------------------------------------
struct MemoryPairOptions {
  LinkKind link = LinkKind::kIp;
  std::size_t mtu = 1500;          // bytes of IP
  std::size_t queue_limit = 1000;  // frames each way; what comes on top is dropped and counted
  bool offloads = false;           // no checksums, and TCP segments of up to 64 KB as one frame
  std::array<std::string, 2> names{"left", "right"};
  std::array<MacAddress, 2> macs{MacAddress{{0x02, 0, 0, 0, 0, 1}},
                                 MacAddress{{0x02, 0, 0, 0, 0, 2}}};
};
using DevicePair = std::pair<std::unique_ptr<Device>, std::unique_ptr<Device>>;
// For one thread, without a system call: what one sends the other receives at once.
DevicePair memory_pair(const MemoryPairOptions& options = {});
// One end for each of two threads, with an eventfd behind poll_fd(). Fails when descriptors run
// out.
tl::expected<DevicePair, std::string> memory_pair_threaded(const MemoryPairOptions& options = {});

// --- decorators: each takes a device and is one -------------------------------------------------
// Writes each frame, both ways, to a pcapng file (pcap_writer.h), with `clock_offset` added to its
// Instant. The file is whole after each call of receive() and send(), whatever ends the process.
Opened with_pcap(std::unique_ptr<Device> inner, const std::string& path,
                 Duration clock_offset = wall_clock_offset());

enum class Direction : std::uint8_t { kIn, kOut };
// One line for each frame: "10.0.0.1:80 > 10.0.0.2:4711 S. 0:0(0) ack 1 win 65535" (tracer.h).
using TraceSink = std::function<void(Instant now, Direction direction, std::string_view line)>;
std::unique_ptr<Device> with_trace(std::unique_ptr<Device> inner, TraceSink sink);

// What happens to the frames of one direction (faults.h), in this order. Shares are 0 to 1.
struct LinkFaults {
  double loss = 0;       // share that vanishes
  double duplicate = 0;  // share that goes twice, one right behind the other
  double corrupt = 0;    // share in which one random bit is flipped
  // Frames leave one after another at this speed, 0: at once. While one leaves, at most `queue`
  // wait or leave; what comes on top is dropped (drop-tail).
  std::uint64_t rate = 0;  // bit/s
  std::size_t queue = 1000;
  Duration delay{0};   // from leaving to arriving
  Duration jitter{0};  // uniform in delay +- jitter; no frame arrives before an earlier one
  double reorder = 0;  // share that skips the delay and so overtakes
  bool any() const;
};
struct FaultSpec {
  LinkFaults in;
  LinkFaults out;
  std::uint64_t seed = 1;
};
// "loss=2%,delay=20ms,jitter=5ms,reorder=5%,duplicate=1%,corrupt=0.1%,rate=10mbit,queue=1000,seed=7";
// "in:" or "out:" before an item: that direction alone. The error says what was expected.
tl::expected<FaultSpec, std::string> parse_faults(std::string_view text);
std::unique_ptr<Device> with_faults(std::unique_ptr<Device> inner, const FaultSpec& spec);

}  // namespace estab::dev
