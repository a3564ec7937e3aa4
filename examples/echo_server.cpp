// An echo server of callbacks: one thread, any number of connections.
//   ./echo_server tun:estab0 10.9.0.2/24 [PORT]
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "estab/estab.h"

namespace {

// One connection: what it received and could not send back yet.
class Echo {
 public:
  Echo(estab::Socket socket, std::function<void()> gone)
      : socket_(std::move(socket)), gone_(std::move(gone)) {}

  void begin() {
    (void)socket_.set_nonblocking(true);
    (void)socket_.on_ready(estab::kReadable | estab::kWritable,
                           [this](estab::Readiness) { work(); });
  }

 private:
  void work() {
    while (flush()) {
      char bytes[16384];
      const auto n = socket_.receive(std::span<char>(bytes));
      if (!n && n.error().value() == EAGAIN) return;
      if (!n || *n == 0) {
        const auto gone = std::move(gone_);
        return gone();  // destroys this object, in its own callback
      }
      waiting_.assign(bytes, *n);
    }
  }
  // True: all is sent, there is room for more. Else a callback comes when there is.
  bool flush() {
    if (waiting_.empty()) return true;
    const auto n = socket_.send(waiting_);
    if (n) waiting_.erase(0, *n);
    if (!n && n.error().value() != EAGAIN) waiting_.clear();  // receive() will say why
    return waiting_.empty();
  }

  estab::Socket socket_;
  std::function<void()> gone_;
  std::string waiting_;
};

estab::Stack* running = nullptr;

}  // namespace

int main(int argc, char** argv) {
  const auto address = estab::Prefix::parse(argc > 2 ? argv[2] : "10.9.0.2/24");
  const auto port = estab::Endpoint::parse(argc > 3 ? argv[3] : "7");
  if (!address || !port) {
    std::fprintf(stderr, "usage: %s DEVICE ADDRESS/LENGTH [PORT]\n", argv[0]);
    return 2;
  }
  auto device = estab::dev::open_device(argc > 1 ? argv[1] : "tun:estab0");
  if (!device) {
    std::fprintf(stderr, "%s\n", device.error().c_str());
    return 1;
  }
  auto stack = estab::Stack::open();
  if (!stack || !stack->attach(std::move(*device), {{*address}, {}})) return 1;
  estab::ListenerOptions options;
  options.nonblocking = true;
  auto listener = estab::Listener::open(*stack, *port, options);
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().message().c_str());
    return 1;
  }
  std::unordered_map<std::size_t, std::unique_ptr<Echo>> connections;
  std::size_t next = 0;
  (void)listener->on_ready(estab::kReadable, [&](estab::Readiness) {
    while (auto peer = listener->accept()) {
      const std::size_t number = next++;
      auto& echo = connections[number];
      echo = std::make_unique<Echo>(std::move(*peer), [&, number] { connections.erase(number); });
      echo->begin();
    }
  });
  running = &*stack;
  std::signal(SIGINT, [](int) { running->stop(); });
  std::printf("echo on %s port %d, until Ctrl-C\n", address->address.to_string().c_str(),
              port->port.value);
  stack->run();
}
