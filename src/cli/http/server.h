// HTTP sessions on sockets of the stack: one thread, no waiting, thousands of connections.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "cli/acceptor.h"
#include "cli/http/session.h"

namespace estab::cli::http {

struct HttpOptions {
  std::string directory;
  std::uint16_t port = 80;
  Policy policy;
  Duration keep_alive = std::chrono::seconds(15);  // a silent connection is closed after that
};

class Server {
 public:
  Server(Stack& stack, const ServerOptions& server, const HttpOptions& options);  // throws Failure
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // No new connections; idle ones are closed, the others after their answer.
  void stop();

 private:
  struct Connection;
  void add(Socket socket);
  void pump(Connection& connection);
  bool exchange(Connection& connection);
  bool send_pending(Connection& connection);
  void begin_close(Connection& connection);
  void remove(std::uint64_t id);
  void sweep();

  Stack& stack_;
  HttpOptions options_;
  Site site_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_ = 1;
  Stack::TimerNumber sweeping_ = 0;
  std::string buffer_;  // for receiving; one for all
  std::optional<Acceptor> acceptor_;
};

}  // namespace estab::cli::http
