#include "observe/stack_connection.h"

namespace estab::observe {
namespace {

std::optional<std::uint8_t> shut_directions(State s) {
  switch (s) {
    case State::TimeWait:
    case State::SynReceived:
      return std::nullopt;
    case State::FinWait1:
    case State::FinWait2:
      return std::uint8_t{2};
    case State::CloseWait:
      return std::uint8_t{1};
    case State::Closing:
    case State::LastAck:
    case State::Closed:
      return std::uint8_t{3};
    case State::Listen:
    case State::SynSent:
    case State::Established:
      return std::uint8_t{0};
  }
  return std::nullopt;
}

std::uint32_t u32(std::uint64_t v) { return static_cast<std::uint32_t>(v); }

std::shared_ptr<const Detail> detail_of(const tcp::Info& i) {
  auto detail = std::make_shared<Detail>();
  if (i.state == State::TimeWait) return detail;  // a record of 64 bytes: nothing else is kept
  detail->info = tcp::linux_tcp_info(i);
  detail->congestion = tcp::name_of(i.congestion);
  const bool listens = i.state == State::Listen;  // there the queues count connections
  Memory memory;
  memory.rmem_alloc = listens ? 0 : u32(i.receive_queue);
  memory.rcvbuf = u32(i.receive_buffer);
  memory.sndbuf = u32(i.send_buffer);
  memory.wmem_queued = listens ? 0 : u32(i.send_queue);
  detail->memory = memory;
  return detail;
}

}  // namespace

Connection connection_of_stack(const tcp::Info& info, const stack::control::Identity& who) {
  Connection c;
  c.source = Source::Stack;
  c.state = info.state;
  c.v6 = info.tuple.local.address.is_v6();
  c.orphan = info.orphan;
  c.shutdown = shut_directions(info.state);
  c.local = info.tuple.local;
  c.remote = info.tuple.remote;
  c.receive_queue = info.receive_queue;
  c.send_queue = info.send_queue;
  c.timer = {info.timer, info.timer_left, info.timer_retries};
  c.cookie = info.id;
  c.in_state = Age{info.in_state, Known::Exactly};
  c.stack = who.name;
  if (has_owner(c)) {
    c.uid = who.uid;
    c.owners.push_back({who.pid, -1, 0, who.command});
  }
  c.detail = detail_of(info);
  return c;
}

}  // namespace estab::observe
