#include "cli/http/server.h"

#include <vector>

#include "cli/command.h"

namespace estab::cli::http {
namespace {

constexpr std::size_t kReceiveAtOnce = 256 * 1024;
constexpr Duration kSweep = std::chrono::milliseconds(500);
// After our FIN what the client still sends is read and thrown away for so long, lest the reset
// that unread data brings destroys our answer on its way (RFC 9112 9.6).
constexpr Duration kLinger = std::chrono::seconds(2);

Site open_site(const std::string& directory) {
  auto site = Site::open(directory);
  if (!site) throw Failure(site.error());
  return std::move(*site);
}

}  // namespace

struct Server::Connection {
  std::uint64_t id;
  Socket socket;
  Session session;
  Instant active;
  bool peer_ended = false;  // its FIN came
  bool closing = false;     // our FIN is sent

  Connection(std::uint64_t number, Socket s, const Site& site, const Policy& policy, Instant now)
      : id(number), socket(std::move(s)), session(site, policy), active(now) {}
};

Server::Server(Stack& stack, const ServerOptions& server, const HttpOptions& options)
    : stack_(stack), options_(options), site_(open_site(options.directory)) {
  buffer_.resize(kReceiveAtOnce);
  acceptor_.emplace(stack, server, options.port, [this](Socket s) { add(std::move(s)); });
}

Server::~Server() {
  if (sweeping_ != 0) stack_.cancel(sweeping_);
}

void Server::add(Socket socket) {
  const std::uint64_t id = next_id_++;
  auto& connection = *connections_
                          .emplace(id, std::make_unique<Connection>(id, std::move(socket), site_,
                                                                    options_.policy, stack_.now()))
                          .first->second;
  (void)connection.socket.set(&SocketOptions::no_delay, true);
  const auto watched = connection.socket.on_ready(
      kReadable | kWritable | kReadClosed | kHangup | kError, [this, id](Readiness) {
        const auto found = connections_.find(id);
        if (found != connections_.end()) pump(*found->second);
      });
  if (!watched) return remove(id);
  if (sweeping_ == 0) {
    sweeping_ = stack_.call_at(stack_.now() + kSweep, [this] { sweep(); });
  }
}

void Server::pump(Connection& connection) {
  if (!exchange(connection)) remove(connection.id);
}

// False: the connection is done with.
bool Server::exchange(Connection& c) {
  for (;;) {
    if (!c.closing && !send_pending(c)) return false;
    if (!c.closing && c.session.finished()) begin_close(c);
    if (c.peer_ended) return !c.closing && !c.session.pending().empty();
    if (!c.closing && !c.session.wants_input()) return true;
    const auto got = c.socket.receive(
        std::span<std::uint8_t>(reinterpret_cast<std::uint8_t*>(buffer_.data()), buffer_.size()));
    if (!got && got.error().value() == EAGAIN) return true;
    if (!got) return false;
    c.active = stack_.now();
    if (*got == 0) c.peer_ended = true;
    if (!c.closing) c.session.take({buffer_.data(), *got});
  }
}

// False: the connection broke.
bool Server::send_pending(Connection& c) {
  for (std::string_view out; !(out = c.session.pending()).empty();) {
    const auto sent = c.socket.send(out);
    if (!sent) return sent.error().value() == EAGAIN;
    c.session.sent(*sent);
    c.active = stack_.now();
  }
  return true;
}

void Server::begin_close(Connection& c) {
  c.closing = true;
  c.active = stack_.now();
  (void)c.socket.shutdown_write();
}

void Server::remove(std::uint64_t id) { connections_.erase(id); }  // closes the socket

void Server::sweep() {
  sweeping_ = 0;
  const Instant now = stack_.now();
  std::vector<std::uint64_t> over;
  for (const auto& [id, c] : connections_) {
    const Duration patience = c->closing ? kLinger : options_.keep_alive;
    if (now - c->active > patience) over.push_back(id);
  }
  for (const std::uint64_t id : over) remove(id);
  if (!connections_.empty()) {
    sweeping_ = stack_.call_at(now + kSweep, [this] { sweep(); });
  }
}

void Server::stop() {
  acceptor_.reset();
  std::vector<std::uint64_t> idle;
  for (const auto& [id, c] : connections_) {
    if (c->session.idle()) idle.push_back(id);
  }
  for (const std::uint64_t id : idle) remove(id);
}

}  // namespace estab::cli::http
