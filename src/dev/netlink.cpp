#include "dev/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

namespace estab::dev {

void NetlinkMessage::append(const void* from, std::size_t size) {
  const auto* first = static_cast<const std::uint8_t*>(from);
  bytes_.insert(bytes_.end(), first, first + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkMessage::attribute(std::uint16_t type, Bytes value) {
  rtattr header{};
  header.rta_type = type;
  header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
  append(&header, sizeof(header));
  append(value.data(), value.size());
}

Bytes NetlinkMessage::finish() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data(), &length, sizeof(length));  // nlmsg_len comes first
  return bytes_;
}

Netlink::Netlink() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {}

Result<void> Netlink::request(NetlinkMessage message) {
  if (!socket_) return fail(EMFILE);
  const Bytes bytes = message.finish();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return fail(errno);
  alignas(nlmsghdr) std::array<std::uint8_t, 8192> answer;
  const ssize_t got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  if (got < 0) return fail(errno);
  nlmsghdr header;
  nlmsgerr result;
  if (static_cast<std::size_t>(got) < sizeof(header) + sizeof(result)) return fail(EPROTO);
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != NLMSG_ERROR) return fail(EPROTO);
  std::memcpy(&result, answer.data() + sizeof(header), sizeof(result));
  if (result.error != 0) return fail(-result.error);
  return {};
}

}  // namespace estab::dev
