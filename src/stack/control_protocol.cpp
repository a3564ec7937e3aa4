#include "stack/control_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"

namespace estab::stack::control {
namespace {

constexpr std::uint32_t kMagic = 0x45535442;  // "ESTB"
constexpr std::size_t kLongestText = 1024;

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

// Sink and Source have one face, so that each message's fields are listed once for both ways.
class Sink {
 public:
  static constexpr bool kReads = false;
  explicit Sink(Kind kind) {
    number(kMagic);
    number(kVersion);
    number(static_cast<std::uint16_t>(kind));
    number(std::uint32_t{0});  // length, by finish()
  }
  template <class T>
  void number(T value) {
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
      out_.push_back(
          static_cast<std::uint8_t>(static_cast<std::make_unsigned_t<T>>(value) >> shift));
    }
  }
  void bytes(Bytes from) { out_.insert(out_.end(), from.begin(), from.end()); }
  std::vector<std::uint8_t> finish() {
    store_be32(out_.data() + 8, static_cast<std::uint32_t>(out_.size() - kHeaderSize));
    return std::move(out_);
  }

 private:
  std::vector<std::uint8_t> out_;
};

class Source {
 public:
  static constexpr bool kReads = true;
  explicit Source(Bytes body) : reader_(body) {}
  template <class T>
  void number(T& value) {
    Bytes raw;
    if (!take(sizeof(T), raw)) return;
    std::uint64_t v = 0;
    for (const std::uint8_t byte : raw) v = v << 8 | byte;
    value = static_cast<T>(v);
  }
  bool take(std::size_t n, Bytes& out) {
    ok_ = ok_ && reader_.take(n, out);
    return ok_;
  }
  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  std::size_t remaining() const { return ok_ ? reader_.remaining() : 0; }

 private:
  Reader reader_;
  bool ok_ = true;
};

// --- one value, either way
// ------------------------------------------------------------------------
template <class A, class T>
requires std::is_integral_v<std::remove_const_t<T>>
void field(A& a, T& value) {
  if constexpr (std::is_same_v<std::remove_const_t<T>, bool>) {
    std::uint8_t byte = value ? 1 : 0;
    a.number(byte);
    if constexpr (A::kReads) value = byte != 0;
  } else {
    a.number(value);
  }
}

template <class E>
constexpr unsigned highest() {
  if constexpr (std::is_same_v<E, State>) return kStates - 1;
  if constexpr (std::is_same_v<E, tcp::TimerKind>) {
    return static_cast<unsigned>(tcp::TimerKind::Persist);
  }
  if constexpr (std::is_same_v<E, tcp::Algorithm>) {
    return static_cast<unsigned>(tcp::Algorithm::Cubic);
  }
  if constexpr (std::is_same_v<E, Event>) return kEvents - 1;
  if constexpr (std::is_same_v<E, Rule>) return static_cast<unsigned>(Rule::L23_NoConnection);
}

template <class A, class T>
requires std::is_enum_v<std::remove_const_t<T>>
void field(A& a, T& value) {
  auto byte = static_cast<std::uint8_t>(value);
  a.number(byte);
  if constexpr (A::kReads) {
    if (byte > highest<T>()) return a.fail();
    value = static_cast<T>(byte);
  }
}

template <class A, class T>
requires std::is_same_v<std::remove_const_t<T>, std::string>
void field(A& a, T& value) {
  auto size = static_cast<std::uint16_t>(std::min(value.size(), kLongestText));
  a.number(size);
  if constexpr (A::kReads) {
    Bytes raw;
    if (a.take(size, raw)) value.assign(raw.begin(), raw.end());
  } else {
    a.bytes({reinterpret_cast<const std::uint8_t*>(value.data()), size});
  }
}

template <class A>
void field(A& a, std::conditional_t<A::kReads, Duration, const Duration>& value) {
  std::int64_t nanoseconds = value.count();
  a.number(nanoseconds);
  if constexpr (A::kReads) value = Duration(nanoseconds);
}

template <class A>
void field(A& a, std::conditional_t<A::kReads, Instant, const Instant>& value) {
  std::int64_t nanoseconds = value.time_since_epoch().count();
  a.number(nanoseconds);
  if constexpr (A::kReads) value = Instant(Duration(nanoseconds));
}

template <class A>
void field(A& a, std::conditional_t<A::kReads, Endpoint, const Endpoint>& value) {
  if constexpr (A::kReads) {
    Bytes raw;
    if (!a.take(16, raw)) return;
    std::array<std::uint8_t, 16> address;
    std::copy(raw.begin(), raw.end(), address.begin());
    value.address = IpAddress::v6(address);
  } else {
    a.bytes(value.address.bytes());
  }
  a.number(value.port.value);
}

template <class A, class... T>
void all(A& a, T&... values) {
  (field(a, values), ...);
}

// A count before the entries; `smallest` bytes an entry takes at least, so that a lying count
// can't make us take memory.
template <class A, class List, class Each>
void list(A& a, List& entries, std::size_t smallest, Each&& each) {
  auto count = static_cast<std::uint32_t>(entries.size());
  a.number(count);
  if constexpr (A::kReads) {
    if (count > a.remaining() / smallest) return a.fail();
    entries.resize(count);
  }
  for (auto& entry : entries) each(entry);
}

// --- the messages' fields, each listed once
// -------------------------------------------------------
template <class A, class T>
void info_fields(A& a, T& i) {
  all(a, i.id, i.tuple.local, i.tuple.remote, i.state, i.passive, i.orphan, i.in_state, i.timer,
      i.timer_left, i.timer_retries, i.receive_queue, i.send_queue, i.not_sent, i.timestamps,
      i.sack, i.window_scaling, i.ecn, i.ecn_seen, i.snd_wnd_shift, i.rcv_wnd_shift, i.rto, i.srtt,
      i.rttvar, i.min_rtt, i.ato, i.last_data_sent, i.last_data_received, i.last_ack_received);
  all(a, i.snd_mss, i.rcv_mss, i.advmss, i.path_mtu, i.snd_cwnd, i.snd_ssthresh, i.snd_wnd,
      i.rcv_wnd, i.unacked, i.sacked, i.lost, i.retrans, i.reordering, i.ca_state, i.retransmits,
      i.probes, i.backoff, i.bytes_sent, i.bytes_acked, i.bytes_received, i.bytes_retrans,
      i.segs_in, i.segs_out, i.data_segs_in, i.data_segs_out, i.total_retrans, i.total_rto, i.busy,
      i.limited_by_window, i.limited_by_buffer, i.dsack_dups, i.reord_seen, i.rcv_ooopack,
      i.congestion, i.delivered, i.delivered_ce, i.send_buffer, i.receive_buffer, i.memory);
}
template <class A, class T>
void event_fields(A& a, T& e) {
  all(a, e.at, e.in_state, e.connection, e.tuple.local, e.tuple.remote, e.from, e.to, e.event,
      e.arrow, e.rule, e.segment_flags, e.error);
}
template <class A, class T>
void request_fields(A& a, T& r) {
  all(a, r.from, r.limit, r.name, r.value, r.tuple.local, r.tuple.remote, r.abort);
}
template <class A, class T>
void identity_fields(A& a, T& i) {
  all(a, i.pid, i.uid, i.name, i.command, i.version, i.description, i.wall_offset, i.now,
      i.started);
}
template <class A, class T>
void totals_fields(A& a, T& t) {
  for (auto& count : t.by_state) field(a, count);
  all(a, t.orphans, t.listeners, t.syn_records, t.time_wait_records, t.connections, t.payload_bytes,
      t.table_bytes);
}
template <class A, class T>
void call_site_fields(A& a, T& reply) {
  all(a, reply.recording, reply.next, reply.lost);
  list(a, reply.sites, 29, [&](auto& s) {
    all(a, s.connection, s.made, s.read, s.written, s.shut, s.closed, s.eof_read);
  });
  list(a, reply.stacks, 8, [&](auto& s) {
    field(a, s.number);
    list(a, s.frames, 8, [&](auto& frame) { field(a, frame); });
  });
}

template <class A, class T>
void reply_fields(A& a, T& reply) {
  using R = std::remove_const_t<T>;
  if constexpr (std::is_same_v<R, Identity>) {
    identity_fields(a, reply);
  } else if constexpr (std::is_same_v<R, Snapshot>) {
    field(a, reply.next);
    list(a, reply.connections, 300, [&](auto& info) { info_fields(a, info); });
  } else if constexpr (std::is_same_v<R, Totals>) {
    totals_fields(a, reply);
  } else if constexpr (std::is_same_v<R, CounterValues>) {
    list(a, reply.values, 10, [&](auto& v) { all(a, v.first, v.second); });
  } else if constexpr (std::is_same_v<R, KnobValues>) {
    list(a, reply.values, 10, [&](auto& v) { all(a, v.first, v.second); });
    list(a, reply.warnings, 2, [&](auto& w) { field(a, w); });
  } else if constexpr (std::is_same_v<R, Events>) {
    all(a, reply.now, reply.next, reply.lost);
    list(a, reply.events, 60, [&](auto& e) { event_fields(a, e); });
  } else if constexpr (std::is_same_v<R, Ended>) {
    field(a, reply.was_there);
  } else if constexpr (std::is_same_v<R, CallSites>) {
    call_site_fields(a, reply);
  } else {
    static_assert(std::is_same_v<R, Refusal>);
    field(a, reply.text);
  }
}

// In the order of Reply's alternatives.
constexpr std::array kKinds{Kind::Identity, Kind::Snapshot,  Kind::Totals,
                            Kind::Counters, Kind::Tuning,    Kind::Events,
                            Kind::End,      Kind::CallSites, Kind::Refusal};
static_assert(kKinds.size() == std::variant_size_v<Reply>);

Kind kind_of(Bytes frame) { return static_cast<Kind>(load_be16(frame.data() + 6)); }

template <std::size_t I = 0>
Decoded<Reply> decode_as(Kind kind, Source& source) {
  if constexpr (I < kKinds.size()) {
    if (kKinds[I] != kind) return decode_as<I + 1>(kind, source);
    std::variant_alternative_t<I, Reply> reply;
    reply_fields(source, reply);
    if (!source.ok() || source.remaining() != 0) {
      return wrong("the stack's answer is malformed");
    }
    return Reply(std::move(reply));
  } else {
    return wrong("the stack's answer is of an unknown kind");
  }
}

}  // namespace

std::vector<std::uint8_t> encode(const Request& request) {
  Sink sink(request.kind);
  request_fields(sink, request);
  return sink.finish();
}

std::vector<std::uint8_t> encode(const Reply& reply) {
  Sink sink(kKinds[reply.index()]);
  std::visit([&](const auto& r) { reply_fields(sink, r); }, reply);
  return sink.finish();
}

Decoded<std::size_t> frame_size(Bytes stream, std::size_t limit) {
  if (stream.size() < kHeaderSize) return std::size_t{0};
  if (load_be32(stream.data()) != kMagic) {
    return wrong("whoever answers there does not speak estab's control protocol");
  }
  const std::uint16_t version = load_be16(stream.data() + 4);
  if (version != kVersion) {
    return wrong("the other side speaks version " + std::to_string(version) +
                 " of the control protocol, this command version " + std::to_string(kVersion) +
                 ": use tools and stack of one build");
  }
  const std::size_t size = kHeaderSize + load_be32(stream.data() + 8);
  if (size > limit) return wrong("a message on the control socket is too long");
  return size;
}

Decoded<Request> decode_request(Bytes frame) {
  if (frame.size() < kHeaderSize) return wrong("malformed request");
  Request request;
  request.kind = kind_of(frame);
  Source source(frame.subspan(kHeaderSize));
  request_fields(source, request);
  if (!source.ok() || source.remaining() != 0) return wrong("malformed request");
  return request;
}

Decoded<Reply> decode_reply(Bytes frame) {
  if (frame.size() < kHeaderSize) return wrong("the stack's answer is malformed");
  Source source(frame.subspan(kHeaderSize));
  return decode_as(kind_of(frame), source);
}

std::vector<std::string> runtime_directories(const char* estab_runtime_dir,
                                             const char* xdg_runtime_dir, std::uint32_t uid) {
  std::vector<std::string> found;
  if (estab_runtime_dir != nullptr && *estab_runtime_dir != 0) return {estab_runtime_dir};
  if (xdg_runtime_dir != nullptr && *xdg_runtime_dir != 0) {
    found.push_back(std::string(xdg_runtime_dir) + "/estab");
  }
  found.emplace_back("/run/estab");
  found.push_back("/tmp/estab-" + std::to_string(uid));
  return found;
}

std::string socket_file_name(std::uint32_t pid, const std::string& name) {
  std::string safe = name.substr(0, 64);
  for (char& c : safe) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  return std::to_string(pid) + "-" + safe + ".sock";
}

std::pair<std::uint32_t, std::string> parse_socket_file_name(const std::string& file) {
  constexpr std::string_view kSuffix = ".sock";
  std::uint32_t pid = 0;
  const char* end = file.data() + file.size();
  const auto [after, error] = std::from_chars(file.data(), end, pid);
  if (error != std::errc{} || after == end || *after != '-' || !file.ends_with(kSuffix)) {
    return {0, ""};
  }
  const auto begin = static_cast<std::size_t>(after + 1 - file.data());
  if (file.size() < begin + kSuffix.size()) return {0, ""};
  return {pid, file.substr(begin, file.size() - kSuffix.size() - begin)};
}

}  // namespace estab::stack::control
