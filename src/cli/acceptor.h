// A listener of the stack whose connections are handed on as they come, in the stack's one thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "estab/socket.h"
#include "estab/stack.h"

namespace estab::cli {

struct ServerOptions {
  IpAddress address;  // :: means both families
  int backlog = 1024;
  bool reuse_address = true;
};

class Acceptor {
 public:
  // Throws Failure: one line that says how to mend it. Sockets are handed on non-blocking.
  Acceptor(Stack& stack, const ServerOptions& options, std::uint16_t port,
           std::function<void(Socket)> accepted);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void accept_all();

  Stack& stack_;
  Listener listener_;
  std::function<void(Socket)> accepted_;
  Stack::TimerNumber retry_ = 0;  // 0: none is due
};

}  // namespace estab::cli
