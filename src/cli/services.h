// The small services of old: echo (RFC 862), discard (RFC 863), daytime (RFC 867) and chargen
// (RFC 864).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "cli/acceptor.h"

namespace estab::cli {

enum class Service : std::uint8_t { Echo, Discard, Chargen, Daytime };

class ServiceServer {
 public:
  // Throws Failure.
  ServiceServer(Stack& stack, const ServerOptions& options, Service service, std::uint16_t port);
  ServiceServer(const ServiceServer&) = delete;
  ServiceServer& operator=(const ServiceServer&) = delete;

  void stop();  // no new connections; the present ones are closed

 private:
  struct Connection {
    Socket socket;
    std::string out;         // what waits to be sent
    std::size_t at = 0;      // of it, sent
    std::uint64_t made = 0;  // chargen: bytes so far
    bool peer_ended = false;
    bool ended = false;  // our FIN is sent: what comes now is thrown away
  };
  void add(Socket socket);
  bool pump(std::uint64_t id, Connection& c);
  bool flush(Connection& c);
  bool receive_all(Connection& c);
  void refill(Connection& c);
  void end(std::uint64_t id, Connection& c);

  Stack& stack_;
  Service service_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_ = 1;
  std::string buffer_;
  std::optional<Acceptor> acceptor_;
};

// Bytes [from, from + count) of RFC 864's endless text: 72 characters a line, each line shifted.
std::string chargen_text(std::uint64_t from, std::size_t count);

}  // namespace estab::cli
