// The tools' side of the control socket: finds running stacks and asks them.
//
//   auto found = observe::find_stacks("");
//   for (const StackAddress& at : found->stacks) {
//     auto client = ControlClient::open(at);
//     auto snapshot = client->connections();
//   }
//
// Every error is one line for the user.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"
#include "stack/control_protocol.h"

namespace estab::observe {

template <class T>
using Asked = tl::expected<T, std::string>;

struct StackAddress {
  std::string path;  // of the control socket
  std::uint32_t pid = 0;
  std::string name;
};

// Directories of running stacks that may not be read: other users', who alone see theirs. In one line
// for the user; empty: none.
std::string stacks_not_seen();

// All running stacks whose sockets lie in the runtime directories, by pid; with a selector (a path,
// a pid or a name) those it names. None found is an error only with a selector.
Asked<std::vector<StackAddress>> find_stacks(std::string_view selector);
// The same in these directories: what tests use.
Asked<std::vector<StackAddress>> find_stacks_in(const std::vector<std::string>& directories,
                                                std::string_view selector);

class ControlClient {
 public:
  static Asked<ControlClient> open(const StackAddress& address);
  ~ControlClient();
  ControlClient(ControlClient&&) noexcept;
  ControlClient& operator=(ControlClient&&) noexcept;

  Asked<stack::control::Identity> identity();
  // All of them, slice by slice; the stack runs on in between, so that the picture is of the whole
  // time that this took.
  Asked<std::vector<Connection>> connections();
  Asked<stack::control::Totals> totals();
  Asked<stack::control::CounterValues> counters();
  Asked<stack::control::KnobValues> tuning();
  Asked<stack::control::KnobValues> set_tuning(const std::string& name, const std::string& value);
  Asked<stack::control::Events> events(std::uint64_t since);
  // Those of all connections; nothing but `recording` where the knob record_call_sites is off.
  Asked<stack::control::CallSites> call_sites();
  // That of one connection, with its stacks; nothing in `sites`: not recorded.
  Asked<stack::control::CallSites> call_site(std::uint64_t connection);
  // The process that listens there, by its number in the caller's own namespace, which may be
  // another than it believes to have; 0: not in this namespace.
  std::uint32_t process() const;
  // Aborts it, or shuts its sending side down. False: it had gone, or another has its tuple now.
  Asked<bool> end(const Connection& connection, bool abort);

 private:
  explicit ControlClient(int fd, StackAddress address) : fd_(fd), address_(std::move(address)) {}
  Asked<stack::control::Reply> ask(const stack::control::Request& request);
  Asked<std::vector<std::uint8_t>> read_frame();
  template <class T>
  Asked<T> ask_for(const stack::control::Request& request);
  std::string trouble(const char* doing) const;

  int fd_ = -1;
  StackAddress address_;
};

// The connections of all these stacks. A stack that ended meanwhile is left out.
Asked<std::vector<Connection>> connections_of(const std::vector<StackAddress>& stacks);

}  // namespace estab::observe
