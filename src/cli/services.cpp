#include "cli/services.h"

#include <ctime>

#include "cli/http/site.h"

namespace estab::cli {
namespace {

constexpr std::size_t kAtOnce = 64 * 1024;
constexpr Duration kPatience = std::chrono::seconds(2);

}  // namespace

namespace {

constexpr std::uint64_t kLine = 74;                     // with CR and LF
constexpr std::uint64_t kCharacters = 95;               // ' ' to '~'
constexpr std::uint64_t kPeriod = kLine * kCharacters;  // then the text begins anew

char chargen_at(std::uint64_t at) {
  const std::uint64_t line = at / kLine;
  const std::uint64_t column = at % kLine;
  if (column == 72) return '\r';
  if (column == 73) return '\n';
  return static_cast<char>(' ' + (line + column) % kCharacters);
}

}  // namespace

std::string chargen_text(std::uint64_t from, std::size_t count) {
  static const std::string period = [] {
    std::string text;
    for (std::uint64_t i = 0; i < kPeriod; ++i) text += chargen_at(i);
    return text;
  }();
  std::string text;
  text.reserve(count);
  std::size_t at = from % kPeriod;
  while (text.size() < count) {
    text.append(period, at, count - text.size());
    at = 0;
  }
  return text;
}

ServiceServer::ServiceServer(Stack& stack, const ServerOptions& options, Service service,
                             std::uint16_t port)
    : stack_(stack), service_(service), buffer_(kAtOnce, 0) {
  acceptor_.emplace(stack, options, port, [this](Socket s) { add(std::move(s)); });
}

void ServiceServer::add(Socket socket) {
  const std::uint64_t id = next_id_++;
  auto connection = std::make_unique<Connection>();
  connection->socket = std::move(socket);
  if (service_ == Service::Daytime) {
    connection->out = http::http_date(std::time(nullptr)) + "\r\n";
  }
  Socket& kept = connection->socket;
  connections_.emplace(id, std::move(connection));
  const auto watched =
      kept.on_ready(kReadable | kWritable | kReadClosed | kHangup | kError, [this, id](Readiness) {
        const auto found = connections_.find(id);
        if (found != connections_.end() && !pump(id, *found->second)) connections_.erase(found);
      });
  if (!watched) connections_.erase(id);
}

// False: the connection is done with, and closed by forgetting it.
bool ServiceServer::pump(std::uint64_t id, Connection& c) {
  for (;;) {
    refill(c);
    if (!flush(c)) return false;
    const bool sending = c.at != c.out.size();
    if (c.peer_ended && !sending) return false;
    if (service_ == Service::Daytime && !sending && !c.ended) end(id, c);
    if (sending && (service_ == Service::Echo || c.peer_ended)) return true;
    if (!receive_all(c)) return false;
    const bool more_to_make =
        service_ == Service::Chargen;  // on until EAGAIN, or nobody calls again
    if (c.out.empty() && !c.peer_ended && !more_to_make) return true;
    if (service_ == Service::Chargen && c.at != c.out.size() && !c.peer_ended) return true;
  }
}

// The server closes first. What the client still sends is read, lest its being unread turns our FIN
// into a RST that takes the answer away; but not for ever.
void ServiceServer::end(std::uint64_t id, Connection& c) {
  c.ended = true;
  (void)c.socket.shutdown_write();
  stack_.call_at(stack_.now() + kPatience, [this, id] { connections_.erase(id); });
}

void ServiceServer::refill(Connection& c) {
  if (service_ != Service::Chargen || !c.out.empty() || c.peer_ended) return;
  c.out = chargen_text(c.made, kAtOnce);
  c.made += c.out.size();
}

// False: the connection broke.
bool ServiceServer::flush(Connection& c) {
  while (c.at != c.out.size()) {
    const auto sent = c.socket.send(std::string_view(c.out).substr(c.at));
    if (!sent) return sent.error().value() == EAGAIN;
    c.at += *sent;
  }
  c.out.clear();
  c.at = 0;
  return true;
}

// Reads what is there; echo stops at a bufferful. False: the connection broke.
bool ServiceServer::receive_all(Connection& c) {
  for (;;) {
    const auto got = c.socket.receive(std::span<char>(buffer_));
    if (!got) return got.error().value() == EAGAIN;
    if (*got == 0) {
      c.peer_ended = true;
      return true;
    }
    if (service_ == Service::Echo) {
      c.out.assign(buffer_, 0, *got);
      return true;
    }
  }
}

void ServiceServer::stop() {
  acceptor_.reset();
  connections_.clear();
}

}  // namespace estab::cli
