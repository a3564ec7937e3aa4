// A program on our stack that has a queue which nobody empties, for states.py:
//   queue_of_ours DEVICE ADDRESS listen PORT            never accepts; closes when its input ends
//   queue_of_ours DEVICE ADDRESS connect HOST:PORT N    N connections; says how each of them ends
// Prints "ready" when it has begun, and what was asked for; then waits for the end of its input.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "estab/estab.h"

namespace {

[[noreturn]] void die(const std::string& why) {
  (void)std::fprintf(stderr, "queue_of_ours: %s\n", why.c_str());
  std::exit(1);
}

void say(const char* text) {
  (void)std::puts(text);
  (void)std::fflush(stdout);
}

void wait_for_end_of_input() {
  while (std::getchar() != EOF) {
  }
}

void listen(estab::Stack& stack, const std::string& port) {
  auto listener = estab::Listener::open(stack, *estab::Endpoint::parse(port), {});
  if (!listener) die(listener.error().message());
  say("ready");
  while (std::getchar() != '\n') {  // a line: close it, and stay so that the others can be seen
    if (std::feof(stdin)) return;
  }
  listener->close();
  say("closed");
  wait_for_end_of_input();
}

void connect(estab::Stack& stack, const std::string& to, int count) {
  const auto remote = estab::Endpoint::parse(to);
  if (!remote) die("expected HOST:PORT, not " + to);
  std::vector<estab::Socket> sockets;
  for (int i = 0; i < count; ++i) {
    auto socket = estab::Socket::connect(stack, *remote, {});
    if (!socket) die(socket.error().message());
    sockets.push_back(std::move(*socket));
  }
  say("ready");
  for (estab::Socket& socket : sockets) {
    char byte;
    const auto got = socket.receive(std::span<char>(&byte, 1));
    say(got ? "data or end" : std::strerror(got.error().value()));
  }
  wait_for_end_of_input();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) die("expected DEVICE ADDRESS listen PORT, or connect HOST:PORT N");
  auto stack = estab::Stack::open();
  if (!stack) die(stack.error());
  auto device = estab::dev::open_device(argv[1]);
  if (!device) die(device.error());
  const auto address = estab::Prefix::parse(argv[2]);
  if (!address || !stack->attach(std::move(*device), {{*address}, {}}) || !stack->start()) {
    die("attach");
  }
  const std::string mode = argv[3];
  if (mode == "listen") listen(*stack, argv[4]);
  if (mode == "connect") connect(*stack, argv[4], argc > 5 ? std::atoi(argv[5]) : 1);
}
