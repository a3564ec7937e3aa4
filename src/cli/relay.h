// Standard input into a socket and the socket into standard output, in the stack's one thread and
// without ever waiting: what netcat does.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "estab/socket.h"
#include "estab/stack.h"

namespace estab::cli {

struct RelayOptions {
  bool half_close = false;  // -N: at the end of the input shut the sending side down
  bool no_input = false;    // -d: don't read standard input
};

class Relay {
 public:
  // Calls `done` once: with 0 when both ends are through, else with the errno that broke it.
  Relay(Stack& stack, Socket socket, const RelayOptions& options, std::function<void(int)> done);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  Socket& socket() { return socket_; }

 private:
  void pump();
  bool send_input();
  bool take_output();
  bool write_output();
  void watch_input(bool on);
  void watch_output(bool on);
  void finish(int error);

  Stack& stack_;
  Socket socket_;
  RelayOptions options_;
  std::function<void(int)> done_;
  std::string in_;   // read, not sent yet
  std::string out_;  // received, not written yet
  std::size_t in_at_ = 0;
  std::size_t out_at_ = 0;
  bool input_ended_ = false;
  bool peer_ended_ = false;
  bool half_closed_ = false;
  bool finished_ = false;
  bool input_is_file_ = false;  // always ready, and no epoll takes it
  bool input_ready_ = false;
  bool watching_input_ = false;
  bool watching_output_ = false;
};

}  // namespace estab::cli
