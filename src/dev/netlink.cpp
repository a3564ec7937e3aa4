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

Result<std::vector<std::uint8_t>> Netlink::ask(NetlinkMessage message) {
  if (!socket_) return fail(EMFILE);
  const Bytes bytes = message.finish();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return fail(errno);
  std::vector<std::uint8_t> answer(8192);
  const ssize_t got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  if (got < 0) return fail(errno);
  answer.resize(static_cast<std::size_t>(got));
  nlmsghdr header;
  if (answer.size() < sizeof(header)) return fail(EPROTO);
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != NLMSG_ERROR) return answer;
  nlmsgerr result;
  if (answer.size() < sizeof(header) + sizeof(result)) return fail(EPROTO);
  std::memcpy(&result, answer.data() + sizeof(header), sizeof(result));
  if (result.error != 0) return fail(-result.error);
  return answer;
}

}  // namespace estab::dev
