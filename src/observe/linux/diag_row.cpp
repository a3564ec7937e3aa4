#include "observe/linux/diag_row.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "observe/linux/diag_extras.h"

namespace estab::observe {
namespace {

constexpr int kNewSynRecv = 12;
constexpr int kBoundInactive = 13;

template <class T>
T value_of(const std::uint8_t* data, std::size_t size) {
  T value{};
  std::memcpy(&value, data, std::min(size, sizeof value));
  return value;
}

State state_of(int number) {
  if (number == kBoundInactive) return State::Closed;
  return state_of_linux(number).value_or(State::Closed);
}

Endpoint endpoint(bool v6, const __be32* address, __be16 port) {
  Endpoint end;
  end.port.value = ntohs(port);
  if (v6) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), address, bytes.size());
    end.address = IpAddress::v6(bytes);
  } else {
    end.address = IpAddress::v4(ntohl(address[0]));
  }
  return end;
}

// The kinds of Linux's timers have the same order as ours; what it calls unknown has no kind here.
tcp::TimerKind timer_kind(std::uint8_t timer) {
  return timer <= 4 ? static_cast<tcp::TimerKind>(timer) : tcp::TimerKind::None;
}

void fill_row(const inet_diag_msg& m, Connection& to) {
  to.source = Source::Linux;
  to.state = state_of(m.idiag_state);
  to.v6 = m.idiag_family == AF_INET6;
  to.local = endpoint(to.v6, m.id.idiag_src, m.id.idiag_sport);
  to.remote = endpoint(to.v6, m.id.idiag_dst, m.id.idiag_dport);
  to.interface = m.id.idiag_if;
  to.receive_queue = m.idiag_rqueue;
  to.send_queue = m.idiag_wqueue;
  to.timer = {timer_kind(m.idiag_timer), std::chrono::milliseconds(m.idiag_expires),
              m.idiag_retrans};
  to.cookie = std::uint64_t{m.id.idiag_cookie[1]} << 32 | m.id.idiag_cookie[0];
  to.inode = m.idiag_inode;
  to.uid = m.idiag_uid;
  // What the application closed; TIME-WAIT and half-open ones never have an owner.
  to.orphan = m.idiag_inode == 0 && (to.state == State::FinWait1 || to.state == State::FinWait2 ||
                                     to.state == State::LastAck || to.state == State::Closing);
}

}  // namespace

DiagRowReader::DiagRowReader(const LinuxQuery& query)
    : detail_(query.info || query.memory || query.tos || query.socket_options) {}

bool DiagRowReader::read(const std::uint8_t* body, std::size_t size, Connection& to) const {
  inet_diag_msg message;
  if (size < sizeof message) return false;
  std::memcpy(&message, body, sizeof message);
  if (message.idiag_state == 0 || message.idiag_state > kBoundInactive) return false;
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return false;
  fill_row(message, to);
  std::shared_ptr<Detail> detail;
  if (detail_) detail = std::make_shared<Detail>();
  std::size_t at = sizeof message;
  while (at + sizeof(rtattr) <= size) {
    rtattr attribute;
    std::memcpy(&attribute, body + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > size - at) break;
    const std::uint8_t* data = body + at + sizeof attribute;
    const std::size_t length = attribute.rta_len - sizeof attribute;
    switch (attribute.rta_type) {
      case INET_DIAG_SHUTDOWN:
        to.shutdown = value_of<std::uint8_t>(data, length);
        break;
      case INET_DIAG_SKV6ONLY:
        to.v6_only = value_of<std::uint8_t>(data, length) != 0;
        break;
      case INET_DIAG_MARK:
        to.mark = value_of<std::uint32_t>(data, length);
        break;
      case INET_DIAG_CGROUP_ID:
        to.cgroup = value_of<std::uint64_t>(data, length);
        break;
      default:
        if (detail) read_extra(attribute.rta_type, data, length, *detail);
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  to.detail = std::move(detail);
  return true;
}

}  // namespace estab::observe
