// Load from Linux's TCP, the same against any server. Prints one number.
//
//   bench_load bulk-in HOST PORT FLOWS SECONDS     bytes a second into a discard server
//   bench_load bulk-out HOST PORT FLOWS SECONDS    bytes a second out of a chargen server
//   bench_load ping-pong HOST PORT FLOWS SECONDS   1-byte round trips a second with an echo server
//   bench_load connect HOST PORT FLOWS SECONDS     connections a second: open, close, next
#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "kernel_socket.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  sockaddr_in to{};
  double seconds = 1;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
};

void bulk_in(Load& load) {
  const Fd fd = connect_to(load.to);
  std::vector<char> block(1 << 18, 'x');
  while (!load.stop) {
    const ssize_t n = ::send(fd.get(), block.data(), block.size(), MSG_NOSIGNAL);
    if (n <= 0) die("send");
    load.done += static_cast<std::uint64_t>(n);
  }
}

void bulk_out(Load& load) {
  const Fd fd = connect_to(load.to);
  std::vector<char> block(1 << 18);
  while (!load.stop) {
    const ssize_t n = ::recv(fd.get(), block.data(), block.size(), 0);
    if (n <= 0) die("recv");
    load.done += static_cast<std::uint64_t>(n);
  }
}

void ping_pong(Load& load) {
  const Fd fd = connect_to(load.to);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  char byte = 'x';
  while (!load.stop) {
    if (::send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1) die("send");
    if (::recv(fd.get(), &byte, 1, 0) != 1) die("recv");
    ++load.done;
  }
}

// Leaves no TIME-WAIT behind: this measures the handshake, not the port range.
void connect_close(Load& load) {
  while (!load.stop) {
    const Fd fd = connect_to(load.to);
    const linger reset{1, 0};
    if (setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0) die("SO_LINGER");
    ++load.done;
  }
}

int usage() {
  (void)std::fprintf(stderr,
                     "bench_load: expected bulk-in|bulk-out|ping-pong|connect HOST PORT FLOWS "
                     "SECONDS\n");
  return 2;
}

int run(int argc, char** argv) {
  if (argc != 6) return usage();
  const std::string what = argv[1];
  void (*work)(Load&) = nullptr;
  if (what == "bulk-in") work = bulk_in;
  if (what == "bulk-out") work = bulk_out;
  if (what == "ping-pong") work = ping_pong;
  if (what == "connect") work = connect_close;
  if (work == nullptr) return usage();
  Load load;
  load.to = address_of(argv[2], std::atoi(argv[3]));
  load.seconds = std::atof(argv[5]);
  std::vector<std::thread> flows;
  for (int i = 0; i < std::max(std::atoi(argv[4]), 1); ++i) {
    flows.emplace_back([&] { work(load); });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds * 0.2));  // warm up
  const std::uint64_t before = load.done;
  const auto start = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));
  const std::uint64_t done = load.done - before;
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%.1f\n", static_cast<double>(done) / took);
  (void)std::fflush(stdout);
  std::_Exit(0);  // flows may be blocked in the kernel; their sockets go with us
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc, argv); }
