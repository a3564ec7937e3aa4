#include "cli/acceptor.h"

#include <fmt/format.h>

#include "cli/command.h"

namespace estab::cli {
namespace {

// Bounds, not costs: memory is taken for what is there. Enough for 100 Mbit/s over 80 ms.
constexpr std::size_t kBuffer = 1024 * 1024;
constexpr Duration kRetry = std::chrono::milliseconds(50);

std::string why(const Endpoint& at, int error) {
  const std::string where =
      at.address.is_any() ? fmt::format("port {}", at.port.value) : at.to_string();
  switch (error) {
    case EADDRINUSE:
      return fmt::format("{} is in use in this stack: choose another port", where);
    case EADDRNOTAVAIL:
      return fmt::format("{} is not an address of this stack: --address gives it one", where);
    default:
      return fmt::format("cannot listen on {}: {}", where,
                         std::error_code(error, std::generic_category()).message());
  }
}

}  // namespace

Acceptor::Acceptor(Stack& stack, const ServerOptions& options, std::uint16_t port,
                   std::function<void(Socket)> accepted)
    : stack_(stack), accepted_(std::move(accepted)) {
  const Endpoint at{options.address, {port}};
  ListenerOptions listening;
  listening.backlog = options.backlog;
  listening.nonblocking = true;
  listening.socket.reuse_address = options.reuse_address;
  listening.socket.send_buffer = kBuffer;
  listening.socket.receive_buffer = kBuffer;
  auto listener = Listener::open(stack, at, listening);
  if (!listener) throw Failure(why(at, listener.error().value()));
  listener_ = std::move(*listener);
  const auto watched = listener_.on_ready(kReadable, [this](Readiness) { accept_all(); });
  if (!watched) throw Failure("cannot wait for connections: " + watched.error().message());
}

Acceptor::~Acceptor() {
  if (retry_ != 0) stack_.cancel(retry_);
}

void Acceptor::accept_all() {
  for (;;) {
    auto socket = listener_.accept();
    if (socket) {
      if (socket->set_nonblocking(true)) accepted_(std::move(*socket));
      continue;
    }
    const int error = socket.error().value();
    if (error == EAGAIN || error == EBADF || error == EINVAL) return;
    if (error == ECONNABORTED) continue;
    // No descriptor or memory: they wait in the queue until something was closed.
    if (retry_ == 0) {
      retry_ = stack_.call_at(stack_.now() + kRetry, [this] {
        retry_ = 0;
        accept_all();
      });
    }
    return;
  }
}

}  // namespace estab::cli
