// The same requests with a connection for each and with a pool, and the TIME-WAIT that either
// leaves behind. By default against a server in this process, over two devices in memory:
//   ./pooled_client [--requests 10000]
// or against any HTTP server that keeps connections alive:
//   ./pooled_client --device tun:estab0 --address 10.9.0.2/24 --server 10.9.0.1:80
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "estab/estab.h"

namespace {

struct Arguments {
  int requests = 10000;
  std::string device, address = "10.9.0.2/24", server = "10.9.0.1:80";
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "pooled_client: %s\n", why.c_str());
  std::exit(1);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) die("expected a value behind " + std::string(name));
    if (name == "--requests")
      a.requests = std::atoi(argv[i + 1]);
    else if (name == "--device")
      a.device = argv[i + 1];
    else if (name == "--address")
      a.address = argv[i + 1];
    else if (name == "--server")
      a.server = argv[i + 1];
    else
      die("expected --requests, --device, --address or --server, not " + std::string(name));
  }
  return a;
}

// --- a small server that answers every request and keeps the connection -------------------------

class Server {
 public:
  Server(estab::Stack& stack, const estab::Endpoint& at) {
    estab::ListenerOptions options;
    options.nonblocking = true;
    auto opened = estab::Listener::open(stack, at, options);
    if (!opened) die("listen: " + opened.error().message());
    listener_ = std::move(*opened);
    (void)listener_.on_ready(estab::kReadable, [this](estab::Readiness) { accept(); });
  }

 private:
  void accept() {
    while (auto peer = listener_.accept()) {
      const int number = next_++;
      auto& socket = *(sockets_[number] = std::make_unique<estab::Socket>(std::move(*peer)));
      (void)socket.set_nonblocking(true);
      (void)socket.on_ready(estab::kReadable, [this, number](estab::Readiness) { serve(number); });
    }
  }
  void serve(int number) {
    estab::Socket& socket = *sockets_[number];
    char bytes[2048];
    for (;;) {
      const auto n = socket.receive(std::span<char>(bytes));
      if (!n && n.error().value() == EAGAIN) return;
      if (!n || *n == 0) {
        sockets_.erase(number);
        return;
      }
      if (std::string_view(bytes, *n).find("\r\n\r\n") == std::string_view::npos) continue;
      (void)socket.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
    }
  }

  estab::Listener listener_;
  std::map<int, std::unique_ptr<estab::Socket>> sockets_;
  int next_ = 0;
};

// --- one request --------------------------------------------------------------------------------

// Reads one answer to its end. False: it did not come whole, or the connection cannot be used again.
bool request(estab::Socket& socket, const std::string& host) {
  if (!socket.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")) return false;
  std::string answer;
  char bytes[16384];
  std::size_t end = std::string::npos;
  std::size_t length = 0;
  while (end == std::string::npos || answer.size() < end + 4 + length) {
    const auto n = socket.receive(std::span<char>(bytes));
    if (!n || *n == 0) return false;
    answer.append(bytes, *n);
    if (end != std::string::npos) continue;
    end = answer.find("\r\n\r\n");
    const std::size_t field = answer.find("ontent-Length:");
    if (end != std::string::npos && field < end) {
      length = static_cast<std::size_t>(std::atol(answer.c_str() + field + 14));
    }
  }
  return true;
}

struct Outcome {
  int good = 0, failed = 0;
  std::string first_error;
  double seconds = 0;
};

template <class F>
Outcome repeat(int requests, F&& one) {
  Outcome o;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < requests; ++i) {
    const std::string error = one();
    if (error.empty()) {
      ++o.good;
    } else {
      ++o.failed;
      if (o.first_error.empty()) o.first_error = error;
    }
  }
  o.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return o;
}

// A server that writes its answer in two pieces (header, body) with Nagle's algorithm on waits for
// our ACK in between: so none is delayed.
estab::SocketOptions socket_options() {
  estab::SocketOptions options;
  options.quick_ack = true;
  return options;
}

std::uint64_t connects(const estab::Stack& stack) {
  return stack.counters()[estab::Counter::TcpActiveOpens];
}

void report(const char* how, const Outcome& o, estab::Stack& stack, std::uint64_t connects_before) {
  std::printf("%-15s %d answered, %d failed, %.0f/s; %llu connections, %llu now in TIME-WAIT\n",
              how, o.good, o.failed, o.good / o.seconds,
              static_cast<unsigned long long>(connects(stack) - connects_before),
              static_cast<unsigned long long>(stack.totals().time_wait_records));
  if (!o.first_error.empty()) std::printf("  first failure: %s\n", o.first_error.c_str());
}

Outcome with_pool(estab::Stack& stack, const estab::Endpoint& server, int requests) {
  estab::PoolOptions options;
  options.socket = socket_options();
  estab::ConnectionPool pool(stack, options);
  return repeat(requests, [&]() -> std::string {
    auto lease = pool.acquire(server);
    if (!lease) return lease.error().message();
    if (request(**lease, server.address.to_string())) return "";
    lease->discard();
    return "no whole answer";
  });
}

Outcome one_for_each(estab::Stack& stack, const estab::Endpoint& server, int requests) {
  return repeat(requests, [&]() -> std::string {
    estab::ConnectOptions options;
    options.socket = socket_options();
    auto socket = estab::Socket::connect(stack, server, options);
    if (!socket) {
      const std::string why = stack.port_shortage();
      return socket.error().message() + (why.empty() ? "" : ": " + why);
    }
    return request(*socket, server.address.to_string()) ? "" : "no whole answer";
  });
}

void compare(estab::Stack& stack, const estab::Endpoint& server, int requests) {
  std::uint64_t before = connects(stack);
  const Outcome pooled = with_pool(stack, server, requests);
  report("with the pool:", pooled, stack, before);
  before = connects(stack);
  const Outcome each = one_for_each(stack, server, requests);
  report("one for each:", each, stack, before);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  auto stack = estab::Stack::open();
  if (!stack) die(stack.error());
  if (!a.device.empty()) {
    auto device = estab::dev::open_device(a.device);
    if (!device) die(device.error());
    const auto address = estab::Prefix::parse(a.address);
    const auto server = estab::Endpoint::parse(a.server);
    if (!address || !server) die("expected --address 10.9.0.2/24 and --server 10.9.0.1:80");
    if (!stack->attach(std::move(*device), {{*address}, {}}) || !stack->start()) die("attach");
    compare(*stack, *server, a.requests);
    return 0;
  }
  auto devices = estab::dev::memory_pair_threaded();
  auto far = estab::Stack::open();
  if (!devices || !far) die("no memory pair");
  const auto near_address = *estab::Prefix::parse("10.9.0.2/24");
  const auto far_address = *estab::Prefix::parse("10.9.0.1/24");
  if (!stack->attach(std::move(devices->first), {{near_address}, {}}) ||
      !far->attach(std::move(devices->second), {{far_address}, {}})) {
    die("attach");
  }
  Server server(*far, *estab::Endpoint::parse("80"));
  if (!far->start() || !stack->start()) die("no thread");
  compare(*stack, *estab::Endpoint::parse("10.9.0.1:80"), a.requests);
  far->stop();
  far->join();  // the server's callbacks have ended: it may go
}
