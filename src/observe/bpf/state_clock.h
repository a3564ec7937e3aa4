// For every socket, since when it is in its state and who owns it, as a tracer that runs now
// (`estab trace`, `estab doctor --watch`) or was left behind (`estab trace --keep`) knows it.
//
// The tracer writes into each socket's BPF storage. Reading that by a BPF iterator whose link is
// pinned as a file was chosen over asking for the storage in a sock_diag dump: it is an open() and
// a read() of binary records, needs no BPF call, no libbpf and no privilege but that file's (mode
// 0400), and the same way gives those that have no storage any more: TIME-WAIT and FIN-WAIT-2
// without an owner, from a table by cookie that is bounded (LRU). The sockets are those of the
// network namespace of whoever reads (what the calling thread is in); the table has all.
//
//   /sys/fs/bpf/estab/PID/{sockets,gone}    of the process that traces, removed when it ends; in a
//                                           process namespace of its own PID-NAMESPACE
//   /sys/fs/bpf/estab/kept/{sockets,gone}   of --keep, with the links of its programs
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>

#include "estab/state.h"
#include "estab/time.h"

namespace estab::observe::bpf {

struct SocketLife {
  State state = State::Closed;
  std::optional<State> previous;
  // CLOCK_MONOTONIC when it came into `state`; nothing: it was in it before the tracer began.
  std::optional<Instant> since;
  Instant met;  // when the tracer met it: it is at least that old
  // The process that made, accepted or holds it; 0: not known, or a tracer of another process
  // namespace keeps it, whose numbers mean nothing here.
  std::uint32_t owner = 0;
  std::string command;             // its name; not escaped
  bool owner_is_listener = false;  // not seen accepted: the owner is its listener's
  std::uint32_t netns = 0;         // inode number
  std::uint32_t hops = 0;          // transitions seen
  bool eof_seen = false;           // a read returned 0 (only with TracerOptions::stacks)
  std::uint32_t reader = 0;        // the process that read last (only with TracerOptions::stacks)
  std::int32_t made_stack = -1;    // for stacks.h
  std::int32_t read_stack = -1;
  std::optional<Instant> read_at;
};

// Whether a tracer keeps time and owners now.
enum class Kept : std::uint8_t { No, NotForUs, Yes };  // NotForUs: its files may not be read

class StateClock {
 public:
  // What all tracers know; the one that has watched longest first. The error is one line: no
  // tracer runs, or its files may not be read.
  static tl::expected<StateClock, std::string> read();
  static Kept kept();  // whether read() would find something, without reading it
  // The same from this folder in place of /sys/fs/bpf/estab.
  static tl::expected<StateClock, std::string> read_from(const std::string& folder);

  // By the socket's cookie; null: not met. Compare `state` with what you see: if they differ, the
  // socket moved on unseen (a FIN-WAIT-2 record to TIME-WAIT) and only the owner still holds.
  const SocketLife* of(std::uint64_t cookie) const;
  std::size_t size() const { return lives_.size(); }
  // The folder that it was read from.
  const std::string& source() const { return source_; }

 private:
  friend class ClockReader;
  std::unordered_map<std::uint64_t, SocketLife> lives_;
  std::string source_;
};

// By the name of its folder; false where it can't be known: of another process namespace, or kept.
bool tracer_has_ended(const std::string& folder);

// Ends what `estab trace --keep`, or a tracer that was killed, left behind. The error is one line:
// there is nothing, or it may not.
tl::expected<void, std::string> forget_kept();

// CLOCK_MONOTONIC, to subtract SocketLife::since from.
Instant monotonic_now();

}  // namespace estab::observe::bpf
