#include "observe/linux/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "observe/bpf/state_clock.h"
#include "observe/linux/ages.h"
#include "observe/linux/diag_bytecode.h"
#include "observe/linux/diag_row.h"
#include "observe/linux/owners.h"

namespace estab::observe {
namespace {

constexpr std::uint32_t kSequence = 4711;
constexpr std::size_t kMany = 4096;       // rows
constexpr std::size_t kRoom = 64 * 1024;  // the kernel hands out 32 KiB at most at a time

tl::unexpected<std::string> wrong(const std::string& doing, int error) {
  return tl::unexpected("cannot " + doing + ": " + std::strerror(error));
}

class DiagSocket {
 public:
  DiagSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}
  DiagSocket(const DiagSocket&) = delete;
  DiagSocket& operator=(const DiagSocket&) = delete;
  ~DiagSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::uint8_t extensions(const LinuxQuery& query) {
  const auto bit = [](int extension) { return 1u << (extension - 1); };
  unsigned wanted = 0;
  if (query.memory) wanted |= bit(INET_DIAG_MEMINFO) | bit(INET_DIAG_SKMEMINFO);
  if (query.info) {
    wanted |= bit(INET_DIAG_INFO) | bit(INET_DIAG_VEGASINFO) | bit(INET_DIAG_CONG);
  }
  if (query.tos) wanted |= bit(INET_DIAG_TOS) | bit(INET_DIAG_TCLASS);
  return static_cast<std::uint8_t>(wanted);
}

// The old request takes all families in one walk of the table, which is half of the time when the
// table is large; the new one takes one family.
int send_request(int fd, const LinuxQuery& query, const std::vector<std::uint8_t>& bytecode) {
  std::vector<std::uint8_t> message(NLMSG_HDRLEN);
  const auto put = [&](const void* bytes, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    message.insert(message.end(), from, from + size);
  };
  const bool both = query.v4 == query.v6;
  if (both) {
    inet_diag_req request{};
    request.idiag_family = AF_UNSPEC;
    request.idiag_ext = extensions(query);
    request.idiag_states = query.states;
    put(&request, sizeof request);
  } else {
    inet_diag_req_v2 request{};
    request.sdiag_family = query.v4 ? AF_INET : AF_INET6;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_ext = extensions(query);
    request.idiag_states = query.states;
    put(&request, sizeof request);
  }
  if (!bytecode.empty()) {
    rtattr attribute{};
    attribute.rta_type = INET_DIAG_REQ_BYTECODE;
    attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(bytecode.size()));
    put(&attribute, sizeof attribute);
    put(bytecode.data(), bytecode.size());
  }
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(message.size());
  header.nlmsg_type =
      static_cast<std::uint16_t>(both ? int{TCPDIAG_GETSOCK} : int{SOCK_DIAG_BY_FAMILY});
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = kSequence;
  std::memcpy(message.data(), &header, sizeof header);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(fd, message.data(), message.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  return sent < 0 ? errno : 0;
}

// Of NLMSG_DONE and NLMSG_ERROR: a negative errno, or 0.
int error_in(const std::uint8_t* body, std::size_t size) {
  int error = 0;
  if (size >= sizeof error) std::memcpy(&error, body, sizeof error);
  return -error;
}

// True: that was the last. `error` is the kernel's answer then.
bool walk_messages(const std::uint8_t* data, std::size_t size, const DiagRowReader& reader,
                   const TakeConnection& take, int& error) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header;
    std::memcpy(&header, data + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) break;
    const std::uint8_t* body = data + at + NLMSG_HDRLEN;
    const std::size_t body_size = header.nlmsg_len - NLMSG_HDRLEN;
    at += NLMSG_ALIGN(header.nlmsg_len);
    if (header.nlmsg_seq != kSequence) continue;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      error = error_in(body, body_size);
      return true;
    }
    Connection c;
    if (reader.read(body, body_size, c)) take(c);
  }
  return false;
}

// The bytes of one datagram; 0: none comes any more, and `error` says why.
std::size_t receive(int fd, std::vector<std::uint8_t>& room, int& error) {
  for (;;) {
    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    error = n < 0 ? errno : 0;
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
}

bool holds_the_end(const std::vector<std::uint8_t>& bytes, std::size_t size) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return true;
    if (header.nlmsg_len < sizeof header) return true;
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return false;
}

// Receives in a thread of its own, to the dump's end.
class ReadAhead {
 public:
  struct Piece {
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;  // 0: the end
    int error = 0;
  };
  explicit ReadAhead(int fd) : thread_([this, fd] { run(fd); }) {}
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() { thread_.join(); }

  Piece next() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !pieces_.empty(); });
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  void give_back(Piece piece) {
    const std::scoped_lock lock(mutex_);
    free_.push_back(std::move(piece.bytes));
  }

 private:
  std::vector<std::uint8_t> empty_room() {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) return std::vector<std::uint8_t>(kRoom);
    std::vector<std::uint8_t> room = std::move(free_.back());
    free_.pop_back();
    return room;
  }
  void run(int fd) {
    for (bool last = false; !last;) {
      Piece piece;
      piece.bytes = empty_room();
      piece.size = receive(fd, piece.bytes, piece.error);
      last = piece.size == 0 || holds_the_end(piece.bytes, piece.size);
      hand_over(std::move(piece));
    }
    hand_over({});  // for a reader that found no end in the last
  }
  void hand_over(Piece piece) {
    {
      const std::scoped_lock lock(mutex_);
      pieces_.push_back(std::move(piece));
    }
    filled_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Piece> pieces_;
  std::vector<std::vector<std::uint8_t>> free_;
  std::thread thread_;  // last: it uses the others
};

// 0 or an errno.
int dump(const LinuxQuery& query, const std::vector<std::uint8_t>& bytecode,
         const TakeConnection& take) {
  const DiagSocket socket;
  if (socket.fd() < 0) return errno;
  if (const int error = send_request(socket.fd(), query, bytecode)) return error;
  const DiagRowReader reader(query);
  std::vector<std::uint8_t> room(kRoom);
  // What is short is read here; of what is long the kernel's walk goes on beside the reading.
  constexpr int kShort = 8;
  for (int i = 0; i < kShort; ++i) {
    int error = 0;
    const std::size_t n = receive(socket.fd(), room, error);
    if (n == 0) return error;
    if (walk_messages(room.data(), n, reader, take, error)) return error;
  }
  ReadAhead ahead(socket.fd());
  for (;;) {
    ReadAhead::Piece piece = ahead.next();
    if (piece.size == 0) return piece.error;
    int error = 0;
    if (walk_messages(piece.bytes.data(), piece.size, reader, take, error)) return error;
    ahead.give_back(std::move(piece));
  }
}

// Asked for as well: what the filter and the ages read.
LinuxQuery completed(LinuxQuery query) {
  if (query.filter != nullptr) {
    const FilterNeeds needs = query.filter->needs();
    query.owners = query.owners || needs.owners;
    query.info = query.info || needs.info;
    query.ages = query.ages || needs.ages;
    if (query.filter->family == 4) query.v6 = false;
    if (query.filter->family == 6) query.v4 = false;
  }
  // TIME-WAIT, SYN-SENT and the like tell their age without it.
  constexpr StateMask kWithoutInfo = bit_of(2) | bit_of(3) | bit_of(6) | bit_of(7) | bit_of(10) | 1;
  if (query.ages && (query.states & ~kWithoutInfo) != 0) query.info = true;
  return query;
}

// What a tracer that runs, or was left behind, knows: the exact time in state, and who held those
// that no application holds any more.
void add_recorded_lives(std::vector<Connection>& connections, const LinuxQuery& query) {
  const auto clock = bpf::StateClock::read();
  if (!clock) return;
  const Instant now = bpf::monotonic_now();
  for (Connection& c : connections) {
    const bpf::SocketLife* life = clock->of(c.cookie);
    if (life == nullptr) continue;
    if (query.ages && life->state == c.state && life->since) {
      c.in_state = Age{now - *life->since, Known::Exactly};
    }
    if (query.owners && c.owners.empty() && life->owner != 0 && !life->owner_is_listener) {
      c.owners.push_back({life->owner, -1, 0, life->command});
    }
  }
}

}  // namespace

tl::expected<void, std::string> dump_linux(const LinuxQuery& query, const TakeConnection& take) {
  if (!query.v4 && !query.v6) return {};
  std::vector<std::uint8_t> bytecode;
  if (query.filter != nullptr) bytecode = diag_bytecode(*query.filter);
  bool any = false;
  const auto taken = [&](Connection& c) {
    any = true;
    take(c);
  };
  int error = dump(query, bytecode, taken);
  // Marks need a privilege to be tested there, and old kernels know fewer tests.
  const bool refused = error == EPERM || error == EINVAL;
  if (refused && !bytecode.empty() && !any) error = dump(query, {}, taken);
  if (error != 0) return wrong("read Linux's sockets", error);
  return {};
}

tl::expected<LinuxConnections, std::string> linux_connections(const LinuxQuery& asked) {
  const LinuxQuery query = completed(asked);
  const FilterNeeds needs = query.filter != nullptr ? query.filter->needs() : FilterNeeds{};
  const bool filter_late = needs.owners || needs.ages;
  LinuxConnections seen;
  std::vector<Connection> v6;
  const LinuxTimes times = query.ages ? read_linux_times() : LinuxTimes{};
  const auto done = dump_linux(query, [&](Connection& c) {
    if (query.ages && !c.in_state) c.in_state = estimated_age(c, times);
    if (query.filter != nullptr && !filter_late && !query.filter->matches(c)) return;
    std::vector<Connection>& rows = c.v6 ? v6 : seen.connections;
    // Room that is not touched costs nothing, and moving so many rows does.
    if (rows.size() == kMany) rows.reserve(64 * kMany);
    rows.push_back(std::move(c));
  });
  if (!done) return tl::unexpected(done.error());
  seen.connections.insert(seen.connections.end(), std::make_move_iterator(v6.begin()),
                          std::make_move_iterator(v6.end()));
  if (query.owners) {
    const OwnersSeen owners = find_owners(seen.connections, query.threads);
    if (auto line = owners_not_seen(owners); !line.empty()) {
      seen.blind_spots.push_back(std::move(line));
    }
  }
  if (query.owners || query.ages) add_recorded_lives(seen.connections, query);
  if (query.filter != nullptr && filter_late) {
    std::erase_if(seen.connections, [&](const Connection& c) { return !query.filter->matches(c); });
  }
  return seen;
}

}  // namespace estab::observe
