#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "dev/interface.h"
#include "dev/netlink.h"

namespace estab::dev {
namespace {

tl::unexpected<std::string> failure(const std::string& name, const std::string& doing,
                                    const std::error_code& error) {
  if (error.value() == EPERM) {
    return tl::unexpected(fmt::format(
        "cannot {} on {}: needs CAP_NET_ADMIN: run as root, or inside `unshare -rn`", doing, name));
  }
  return tl::unexpected(fmt::format("cannot {} on {}: {}", doing, name, error.message()));
}

NetlinkMessage address_message(int index, const Prefix& prefix) {
  const bool v4 = prefix.address.is_v4();
  ifaddrmsg fixed{};
  fixed.ifa_family = v4 ? AF_INET : AF_INET6;
  fixed.ifa_prefixlen = static_cast<std::uint8_t>(prefix.length);
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  // Without duplicate address detection: it takes a second, in which the address cannot be used.
  fixed.ifa_flags = v4 ? 0 : IFA_F_NODAD;
  NetlinkMessage message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, fixed);
  const Bytes whole = prefix.address.bytes();
  const Bytes bytes = v4 ? whole.last(4) : whole;
  message.attribute(IFA_LOCAL, bytes);
  message.attribute(IFA_ADDRESS, bytes);
  return message;
}

NetlinkMessage link_message(int index, const InterfaceSettings& settings) {
  ifinfomsg fixed{};
  fixed.ifi_family = AF_UNSPEC;
  fixed.ifi_index = index;
  if (settings.up) fixed.ifi_flags = fixed.ifi_change = IFF_UP;
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, fixed);
  if (settings.mtu) message.attribute(IFLA_MTU, static_cast<std::uint32_t>(*settings.mtu));
  return message;
}

// Whether Linux takes packets to `address` for its own.
bool is_local(Netlink& netlink, const IpAddress& address) {
  rtmsg fixed{};
  fixed.rtm_family = AF_INET6;
  fixed.rtm_dst_len = 128;
  NetlinkMessage message(RTM_GETROUTE, 0, fixed);
  message.attribute(RTA_DST, address.bytes());
  const auto answer = netlink.ask(std::move(message));
  if (!answer || answer->size() < sizeof(nlmsghdr) + sizeof(fixed)) return false;
  std::memcpy(&fixed, answer->data() + sizeof(nlmsghdr), sizeof(fixed));
  return fixed.rtm_type == RTN_LOCAL;
}

// Linux acknowledges a new IPv6 address before its route is there, and drops packets to it until
// then. No answer within the bound is no error: the address comes when the link does.
void wait_until_local(Netlink& netlink, const IpAddress& address) {
  constexpr int kMilliseconds = 1000;
  for (int i = 0; i < kMilliseconds && !is_local(netlink, address); ++i) ::poll(nullptr, 0, 1);
}

}  // namespace

tl::expected<void, std::string> configure_interface(const std::string& name,
                                                    const InterfaceSettings& settings) {
  const auto state = interface_state(name);
  if (!state) return tl::unexpected(fmt::format("no interface {}: `ip link` lists them", name));
  Netlink netlink;
  // Addresses come after the link is up: IPv6 has none on a link that is down.
  if (auto done = netlink.ask(link_message(state->index, settings)); !done) {
    const std::string doing =
        settings.mtu ? fmt::format("set the MTU {}", *settings.mtu) : "set up";
    return failure(name, doing, done.error());
  }
  for (const Prefix& prefix : settings.addresses) {
    if (auto done = netlink.ask(address_message(state->index, prefix)); !done) {
      return failure(name, "set the address " + prefix.to_string(), done.error());
    }
  }
  // Asked for whatever the addresses: a link that has just come up drops in silence what is sent,
  // until Linux gets round to noticing, and being asked makes it notice.
  const bool carrier = has_carrier(name);
  for (const Prefix& prefix : settings.addresses) {
    if (carrier && prefix.address.is_v6()) wait_until_local(netlink, prefix.address);
  }
  return {};
}

}  // namespace estab::dev
