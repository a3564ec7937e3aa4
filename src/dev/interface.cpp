#include "dev/interface.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "dev/file_descriptor.h"
#include "dev/netlink.h"

namespace estab::dev {
namespace {

// An interface request and any socket to ask it through.
class Request {
 public:
  explicit Request(const std::string& name)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), ifr.ifr_name);
  }
  bool ask(unsigned long what) { return ::ioctl(socket_.get(), what, &ifr) == 0; }
  ifreq ifr{};

 private:
  FileDescriptor socket_;
};

}  // namespace

std::optional<InterfaceState> interface_state(const std::string& name) {
  InterfaceState state;
  Request request(name);
  if (!request.ask(SIOCGIFINDEX)) return std::nullopt;
  state.index = request.ifr.ifr_ifindex;
  if (request.ask(SIOCGIFFLAGS)) state.up = (request.ifr.ifr_flags & IFF_UP) != 0;
  if (request.ask(SIOCGIFMTU)) state.mtu = static_cast<std::size_t>(request.ifr.ifr_mtu);
  if (request.ask(SIOCGIFHWADDR)) {
    state.ethernet = request.ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    std::memcpy(state.mac.bytes.data(), request.ifr.ifr_hwaddr.sa_data, state.mac.bytes.size());
  }
  return state;
}

std::string interface_driver(const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  Request request(name);
  request.ifr.ifr_data = reinterpret_cast<char*>(&info);
  if (!request.ask(SIOCETHTOOL)) return "";
  // A TUN's driver is "tun" for both kinds; its "bus" tells them apart.
  return std::strcmp(info.driver, "tun") == 0 ? info.bus_info : info.driver;
}

bool has_carrier(const std::string& name) {
  ethtool_value link{};
  link.cmd = ETHTOOL_GLINK;
  Request request(name);
  request.ifr.ifr_data = reinterpret_cast<char*>(&link);
  return request.ask(SIOCETHTOOL) && link.data != 0;
}

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c != '/' && c != ':' && std::isspace(c) == 0; });
}

bool set_up(const std::string& name) {
  Request request(name);
  if (!request.ask(SIOCGIFFLAGS)) return false;
  request.ifr.ifr_flags |= IFF_UP;
  return request.ask(SIOCSIFFLAGS);
}

bool set_mtu(const std::string& name, std::size_t mtu) {
  Request request(name);
  request.ifr.ifr_mtu = static_cast<int>(mtu);
  return request.ask(SIOCSIFMTU);
}

// By netlink: the ioctl takes no privilege but that of the first user namespace.
bool set_transmit_queue(const std::string& name, std::size_t frames) {
  const auto state = interface_state(name);
  if (!state) return false;
  ifinfomsg fixed{};
  fixed.ifi_index = state->index;
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, fixed);
  message.attribute(IFLA_TXQLEN, static_cast<std::uint32_t>(frames));
  return Netlink().ask(std::move(message)).has_value();
}

std::string mtu_failure(const std::string& name, std::size_t mtu, int error) {
  if (error == EPERM) {
    return fmt::format(
        "cannot set the MTU of {0}: needs CAP_NET_ADMIN: run as root, or `sudo ip link set dev {0} "
        "mtu {1}` first",
        name, mtu);
  }
  return fmt::format("cannot set the MTU of {} to {}: {}", name, mtu, std::strerror(error));
}

}  // namespace estab::dev
