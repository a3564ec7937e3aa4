// Opening a packet socket, and saying in one line why it could not be.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "dev/interface.h"
#include "dev/packet_socket.h"

namespace estab::dev {
namespace {

using Failure = tl::unexpected<std::string>;

// Room for a burst of full windows; Linux charges a frame at twice its size and more.
constexpr int kSocketBuffer = 16 << 20;

bool set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

std::string no_socket(int error) {
  if (error == EPERM || error == EACCES) {
    return "a packet socket needs CAP_NET_RAW: run as root, or inside `unshare -rn`, or "
           "`sudo setcap cap_net_raw,cap_net_admin+ep` on this program";
  }
  return fmt::format("cannot make a packet socket: {}", std::strerror(error));
}

// The interface as it must be, or why it cannot be used.
tl::expected<InterfaceState, std::string> prepare(const std::string& name,
                                                  const PacketOptions& options) {
  auto state = interface_state(name);
  if (!state) {
    return Failure(fmt::format(
        "no interface {0}: `ip link` lists them; `ip link add {0} type veth peer name PEER` makes "
        "one",
        name));
  }
  if (!state->ethernet) {
    return Failure(
        fmt::format("{} is no Ethernet interface: packet: needs one, such as a veth", name));
  }
  if (options.mtu && *options.mtu != state->mtu && !set_mtu(name, *options.mtu)) {
    return Failure(mtu_failure(name, *options.mtu, errno));
  }
  if (!state->up && !set_up(name)) {
    return Failure(fmt::format("{0} is down: `sudo ip link set dev {0} up`", name));
  }
  // Being asked makes Linux notice a link that has just come up; it drops what is sent until then.
  has_carrier(name);
  return *interface_state(name);
}

// Returns 0 or an errno. The socket was made for no protocol, so that nothing of another interface
// gets in before it is bound.
int set_up_socket(int fd, int interface) {
  for (int option : {PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING}) {
    if (!set(fd, SOL_PACKET, option, 1)) return errno;
  }
  for (auto [forced, plain] : {std::pair(SO_RCVBUFFORCE, SO_RCVBUF), {SO_SNDBUFFORCE, SO_SNDBUF}}) {
    if (!set(fd, SOL_SOCKET, forced, kSocketBuffer)) set(fd, SOL_SOCKET, plain, kSocketBuffer);
  }
  packet_mreq everything{};
  everything.mr_ifindex = interface;
  everything.mr_type = PACKET_MR_PROMISC;
  if (::setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof(everything)) < 0) {
    return errno;
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface;
  return ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

}  // namespace

Opened open_packet_socket(const std::string& name, const PacketOptions& options) {
  FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return Failure(no_socket(errno));
  const auto state = prepare(name, options);
  if (!state) return Failure(state.error());
  if (const int error = set_up_socket(socket.get(), state->index); error != 0) {
    return Failure(fmt::format("cannot use {} by a packet socket (Linux 4.20 or later): {}", name,
                               std::strerror(error)));
  }
  MacAddress mac = state->mac;
  if (options.station == StationAddress::kOwn) mac = options.mac ? *options.mac : random_mac();
  return std::make_unique<PacketSocket>(std::move(socket), name, state->mtu, mac, options.offloads);
}

}  // namespace estab::dev
