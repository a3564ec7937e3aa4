// The ear of a running stack: a Unix stream socket, one for each stack, on which tools ask for
// connections, counters, knobs and events. It belongs to the stack's thread and answers between
// steps, one bounded slice a request, so that nothing here stalls the stack.
//
//   auto control = ControlServer::open({.name = "web"}, now);
//   loop.watch(control->poll_fd(), EPOLLIN, [&](auto) { control->serve(stack, dev::now()); });
//
// Who may ask: the same user and root (SO_PEERCRED); the directory is 0700 besides.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/time.h"
#include "stack/control_protocol.h"
#include "stack/stack.h"

namespace estab::socket {

struct ControlOptions {
  std::string name;         // of the stack; empty: "stack"
  std::string description;  // devices and addresses, for people
  std::string version;      // of the library
  Duration wall_offset{0};  // to add to Instants to get the time since 1970
  std::string directory;    // empty: the first usable of control::runtime_directories()
  // Answers CallSites, within serve(): from which connection on, how many at most.
  std::function<stack::control::CallSites(std::uint64_t, std::uint32_t)> recorded_calls;
};

class ControlServer {
 public:
  static constexpr std::size_t kMostClients = 16;  // the longest idle one goes when another comes

  // The error is one line that says how to mend it. Removes files of dead processes on its way.
  static tl::expected<std::unique_ptr<ControlServer>, std::string> open(
      const ControlOptions& options, Instant now);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  int poll_fd() const { return epoll_; }  // readable when serve() has something to do
  // Accepts, reads and answers what is there: at most one request of each client.
  void serve(stack::Stack& stack, Instant now);
  const std::string& path() const { return path_; }

 private:
  struct Client {
    int fd = -1;
    std::uint64_t last_used = 0;
    std::vector<std::uint8_t> in;
    std::vector<std::uint8_t> out;
    std::size_t sent = 0;  // of `out`
  };

  ControlServer() = default;
  void accept_clients();
  bool admit(int fd);
  bool serve_client(Client& client, stack::Stack& stack, Instant now);
  bool read_some(Client& client);
  bool answer_one(Client& client, stack::Stack& stack, Instant now);
  stack::control::Reply reply_to(const stack::control::Request& request, stack::Stack& stack,
                                 Instant now) const;
  bool flush(Client& client);
  void drop(std::size_t index);

  stack::control::Identity identity_;
  std::function<stack::control::CallSites(std::uint64_t, std::uint32_t)> recorded_calls_;
  std::string path_;
  int listener_ = -1;
  int epoll_ = -1;
  std::uint64_t uses_ = 0;
  std::vector<Client> clients_;
};

}  // namespace estab::socket
