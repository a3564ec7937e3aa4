// What a tool and a running stack say to each other over the control socket, as bytes: requests,
// replies, nothing else. Pure functions; socket/control_server.h carries them, stack/
// control_answer.h finds the answers, observe/control_client.h asks.
//
// A frame, numbers in network order:
//
//   0       4         6      8         12
//   | ESTB  | version | kind | length  | body, `length` bytes ...
//
// Whoever decodes trusts nothing: sizes are bounded before memory is taken, enumerations checked.
// Versions must be equal: the tools and the library are of one build, or say so.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "estab/buffer.h"
#include "estab/event.h"
#include "tcp/info.h"

namespace estab::stack::control {

inline constexpr std::uint16_t kVersion = 4;
inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxRequest = 4096;       // bytes, header included
inline constexpr std::size_t kMaxReply = 1024 * 1024;  // bytes, header included
inline constexpr std::size_t kSnapshotSlice = 256;     // connections in one reply at most
inline constexpr std::size_t kEventSlice = 1024;       // events in one reply at most
inline constexpr std::size_t kCallSiteSlice = 256;     // connections in one reply at most
inline constexpr std::size_t kCallFrames = 48;         // addresses of one stack at most

enum class Kind : std::uint16_t {
  Identity = 1,
  Snapshot,
  Totals,
  Counters,
  Tuning,
  SetTuning,
  Events,
  End,
  CallSites,
  Refusal = 255,  // only as a reply
};

struct Request {
  Kind kind = Kind::Identity;
  std::uint64_t from = 0;   // Snapshot: cursor, Events: number of the first wanted; 0 to begin.
                            // End: the connection's id. CallSites: the first id wanted
  std::uint32_t limit = 0;  // Snapshot, Events, CallSites: how many at most; 0: what a reply holds
  std::string name;         // SetTuning
  std::string value;        // SetTuning
  FourTuple tuple{};        // End
  bool abort = true;        // End: with RST; else the sending side is shut down
};

// Who runs the stack.
struct Identity {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::string name;         // chosen by --name, else the device's
  std::string command;      // the process's name, as /proc/PID/comm has it
  std::string version;      // of the library
  std::string description;  // devices and addresses, for people: "tun0 10.0.0.2/24"
  Duration wall_offset{0};  // to add to the stack's Instants to get the time since 1970
  Instant now;              // the stack's clock when it answered
  Instant started;
};

struct Snapshot {
  std::uint64_t next = 0;  // cursor of the next slice, 0: that was the last
  std::vector<tcp::Info> connections;
};
struct Totals {  // gauges: what is there now, as stack::Stack::Totals
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t orphans = 0, listeners = 0, syn_records = 0, time_wait_records = 0;
  std::uint64_t connections = 0, payload_bytes = 0, table_bytes = 0;
};
struct CounterValues {
  std::vector<std::pair<std::string, std::uint64_t>> values;  // in the list's order
};
struct KnobValues {
  std::vector<std::pair<std::string, std::int64_t>> values;
  std::vector<std::string> warnings;  // what is dangerous in this combination
};
struct Events {
  Instant now;
  std::uint64_t next = 0;  // number of the first event not in this reply
  std::uint64_t lost = 0;  // events overwritten before they were asked for
  std::vector<LifecycleEvent> events;
};
struct Ended {
  bool was_there = true;  // false: it ended by itself, or another has its tuple now
};
// The calls of the application that made a connection, read and wrote it last, and first shut down
// its sending side and closed it: numbers of stacks; 0: there was none, or it was not recorded.
struct CallSite {
  std::uint64_t connection = 0;
  std::uint32_t made = 0, read = 0, written = 0, shut = 0, closed = 0;
  bool eof_read = false;  // a read returned the end of the stream
};
struct CallStack {
  std::uint32_t number = 0;
  std::vector<std::uint64_t> frames;  // return addresses, innermost first
};
struct CallSites {
  bool recording = false;         // the knob record_call_sites
  std::uint64_t next = 0;         // first id of the next slice, 0: that was the last
  std::uint64_t lost = 0;         // calls whose stack found no room since recording began
  std::vector<CallSite> sites;    // by rising id
  std::vector<CallStack> stacks;  // those that `sites` name
};
struct Refusal {
  std::string text;  // one line for the user
};
using Reply = std::variant<Identity, Snapshot, Totals, CounterValues, KnobValues, Events, Ended,
                           CallSites, Refusal>;

std::vector<std::uint8_t> encode(const Request& request);
std::vector<std::uint8_t> encode(const Reply& reply);

template <class T>
using Decoded = tl::expected<T, std::string>;  // the error is one line for the user

// The size of the frame at the front of `stream`, header included; 0 while too few bytes are there
// to know. Fails for another protocol, another version and for what is longer than `limit`.
Decoded<std::size_t> frame_size(Bytes stream, std::size_t limit);

// One whole frame, as long as frame_size() said.
Decoded<Request> decode_request(Bytes frame);
Decoded<Reply> decode_reply(Bytes frame);

// Where control sockets lie: the first of these that can be made or used. `xdg_runtime_dir` is that
// environment variable's value, may be null. ESTAB_RUNTIME_DIR, where set, is the only one.
std::vector<std::string> runtime_directories(const char* estab_runtime_dir,
                                             const char* xdg_runtime_dir, std::uint32_t uid);
// "4711-web.sock"; characters that a file name or a terminal would stumble over become '_'.
std::string socket_file_name(std::uint32_t pid, const std::string& name);
// The process id and the name in such a file name; pid 0: it is none.
std::pair<std::uint32_t, std::string> parse_socket_file_name(const std::string& file);

}  // namespace estab::stack::control
