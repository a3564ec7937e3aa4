// A stack in virtual time that is driven line by line: estab's half of the table beside Linux.
//
//   new PORT            a fresh stack at 10.99.0.1 with a listener; what follows is about this one
//   in HEX              this IPv4 packet arrives
//   connect PORT        to this port of the peer
//   accept PORT         the connection from this port of the peer
//   shutdown PORT       our application ends its side and still reads; close PORT: it lets go
//   advance MS          time passes
//   states              "state PORT NAME SECONDS" for each connection
//
// Each answers with "out HEX" for every packet that left, and "." at the end.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "estab/state.h"
#include "stack/stack.h"

namespace estab::stack {
namespace {

const IpAddress kHost = IpAddress::v4(10, 99, 0, 1);
const IpAddress kPeer = IpAddress::v4(10, 99, 0, 2);

class Wire : public Device {
 public:
  std::string name() const override { return "wire"; }
  LinkKind link() const override { return LinkKind::kIp; }
  std::size_t mtu() const override { return 1500; }
  void receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& to) override {
    for (; limit > 0 && !in.empty(); --limit) {
      to.push_back({std::move(in.front()), false});
      in.pop_front();
    }
  }
  std::size_t send(Instant, std::span<const OutgoingFrame> frames) override {
    for (const OutgoingFrame& f : frames) {
      std::string text = "out ";
      const Slice packet = f.flatten();
      for (const std::uint8_t byte : packet.bytes()) text += fmt::format("{:02x}", byte);
      std::puts(text.c_str());
    }
    return frames.size();
  }
  std::deque<Slice> in;
};

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "estab_host: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) die(fmt::format("{}: {}", what, result.error().message()));
  return std::move(*result);
}

class Host {
 public:
  explicit Host(std::uint16_t port) : stack_(config()) {
    stack_.attach(wire_, {{{kHost, 24}}, {}});
    const auto binding = must(stack_.bind({kHost, {port}}, {true}), "bind");
    listener_ = must(stack_.listen(binding, {}, {}, now_), "listen");
  }
  void arrives(const std::string& hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    wire_.in.push_back(Slice::copy_of(bytes));
    advance(Duration{0});
  }
  void connect(std::uint16_t port) {
    open_[port] = must(stack_.connect(std::nullopt, {kPeer, {port}}, {}, now_), "connect");
    advance(Duration{0});
  }
  void accept(std::uint16_t port) {
    while (!open_.contains(port)) {
      const Accepted a = must(stack_.accept(listener_, now_), "accept");
      open_[a.tuple.remote.port.value] = a.connection;
    }
  }
  void shutdown(std::uint16_t port) {
    if (!stack_.shutdown(open_.at(port), false, true, now_)) die("shutdown");
    advance(Duration{0});
  }
  void close(std::uint16_t port) {
    stack_.close(open_.at(port), false, now_);
    advance(Duration{0});
  }
  void advance(Duration d) {
    const Instant end = now_ + d;
    for (;;) {
      const auto next = stack_.poll(now_);
      if (next && *next <= now_) continue;
      if (!next || *next > end) break;
      now_ = *next;
    }
    now_ = end;
    stack_.poll(now_);
  }
  void print_states() const {
    const auto print = [](const tcp::Info& i) {
      if (i.tuple.remote.port.value == 0) return;  // the listener
      const double left = std::chrono::duration<double>(i.timer_left).count();
      fmt::print("state {} {} {:.3f}\n", i.tuple.remote.port.value, rfc_name(i.state), left);
    };
    for (std::uint64_t cursor = stack_.visit(0, 1000, now_, print); cursor != 0;) {
      cursor = stack_.visit(cursor, 1000, now_, print);
    }
  }

 private:
  static Config config() {
    Config c;
    c.seed = 1;
    c.secret = {{1, 2}};
    return c;
  }
  Instant now_ = Instant{} + std::chrono::seconds(1000);
  Wire wire_;
  Stack stack_;
  ListenerId listener_;
  std::map<std::uint16_t, ConnectionId> open_;  // by the peer's port
};

void obey(const std::string& line, std::unique_ptr<Host>& host) {
  std::istringstream words(line);
  std::string verb, argument;
  words >> verb >> argument;
  const auto port = [&] { return static_cast<std::uint16_t>(std::stoi(argument)); };
  if (verb == "new") {
    host = std::make_unique<Host>(port());
  } else if (!host) {
    die("expected new PORT first");
  } else if (verb == "in") {
    host->arrives(argument);
  } else if (verb == "connect") {
    host->connect(port());
  } else if (verb == "accept") {
    host->accept(port());
  } else if (verb == "shutdown") {
    host->shutdown(port());
  } else if (verb == "close") {
    host->close(port());
  } else if (verb == "advance") {
    host->advance(std::chrono::milliseconds(std::stoi(argument)));
  } else if (verb == "states") {
    host->print_states();
  } else {
    die("expected a verb, not " + line);
  }
}

}  // namespace
}  // namespace estab::stack

int main() {
  std::unique_ptr<estab::stack::Host> host;
  for (std::string line; std::getline(std::cin, line);) {
    estab::stack::obey(line, host);
    std::puts(".");
    (void)std::fflush(stdout);
  }
}
