// The two sides of a SYN flood on Linux: who floods, and who wants to connect meanwhile.
//
//   bench_flood send DEVICE HOST PORT RATE SECONDS [MAC]
//     forged SYNs through an AF_PACKET socket, RATE a second (0: as fast as it goes); prints the
//     packets sent and the seconds they took
//   bench_flood clients HOST PORT COUNT PER_SECOND SECONDS
//     COUNT connections through Linux's TCP, each sends a line and waits for its echo; gives up
//     after SECONDS. Prints: connected, echoed, with window scale and SACK and timestamps agreed on,
//     and the median, 99th percentile and longest time to connect in milliseconds
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel_socket.h"
#include "syn_packets.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

int usage() {
  (void)std::fprintf(stderr,
                     "usage: bench_flood send DEVICE HOST PORT RATE SECONDS [MAC]\n"
                     "       bench_flood clients HOST PORT COUNT PER_SECOND SECONDS\n");
  return 2;
}

// --- the flood

sockaddr_ll link_address(const char* device, const char* mac) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_ifindex = static_cast<int>(if_nametoindex(device));
  if (to.sll_ifindex == 0) die(device);
  if (mac != nullptr) {
    to.sll_halen = 6;
    unsigned b[6] = {};
    if (std::sscanf(mac, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6) {
      (void)std::fprintf(stderr, "bench: expected a MAC address, not '%s'\n", mac);
      std::exit(2);
    }
    for (int i = 0; i < 6; ++i) to.sll_addr[i] = static_cast<std::uint8_t>(b[i]);
  }
  return to;
}

int send_flood(char** argv, const char* mac) {
  sockaddr_ll to = link_address(argv[0], mac);
  const sockaddr_in host = address_of(argv[1], std::atoi(argv[2]));
  const double rate = std::atof(argv[3]);
  const Seconds length(std::atof(argv[4]));
  const Fd fd(::socket(AF_PACKET, SOCK_DGRAM, 0));
  if (fd.get() < 0) die("AF_PACKET");
  set_option(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, 1);
  constexpr unsigned kBatch = 64;
  SynPackets packets(host.sin_addr.s_addr, ntohs(host.sin_port), 1);
  std::vector<std::uint8_t> bytes(kBatch * SynPackets::kSize);
  iovec pieces[kBatch];
  mmsghdr messages[kBatch] = {};
  for (unsigned i = 0; i < kBatch; ++i) {
    pieces[i] = {&bytes[i * SynPackets::kSize], SynPackets::kSize};
    messages[i].msg_hdr.msg_name = &to;
    messages[i].msg_hdr.msg_namelen = sizeof to;
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const auto begin = Clock::now();
  std::uint64_t sent = 0;
  for (;;) {
    const Seconds elapsed = Clock::now() - begin;
    if (elapsed >= length) break;
    if (rate > 0 && static_cast<double>(sent) > elapsed.count() * rate) {
      std::this_thread::yield();
      continue;
    }
    for (unsigned i = 0; i < kBatch; ++i) packets.next(&bytes[i * SynPackets::kSize]);
    for (unsigned done = 0; done < kBatch;) {
      const int n = ::sendmmsg(fd.get(), messages + done, kBatch - done, 0);
      // ENOBUFS: the device's queue is full and dropped this one, as on any overloaded link.
      if (n < 0 && errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
      done += n > 0 ? static_cast<unsigned>(n) : 1;
    }
    sent += kBatch;
  }
  std::printf("sent %llu\nseconds %.3f\n", static_cast<unsigned long long>(sent),
              Seconds(Clock::now() - begin).count());
  return 0;
}

// --- the clients

struct Client {
  Fd fd;
  Clock::time_point begin;
  bool connected = false;
};

class Clients {
 public:
  Clients(const sockaddr_in& to, int count, double per_second, double seconds)
      : to_(to), count_(count), per_second_(per_second), length_(seconds) {}

  int run() {
    const auto begin = Clock::now();
    std::size_t ended = 0;
    while (ended < static_cast<std::size_t>(count_)) {
      const Seconds elapsed = Clock::now() - begin;
      if (elapsed >= length_) break;
      while (clients_.size() < static_cast<std::size_t>(count_) &&
             static_cast<double>(clients_.size()) < elapsed.count() * per_second_) {
        start();
      }
      epoll_event events[64];
      const int n = epoll_wait(epoll_.get(), events, 64, 1);
      for (int i = 0; i < n; ++i) ended += step(clients_[events[i].data.u32]) ? 1u : 0u;
    }
    report();
    return 0;
  }

 private:
  void start() {
    Client c;
    c.fd = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (c.fd.get() < 0) die("socket");
    c.begin = Clock::now();
    const int done = ::connect(c.fd.get(), reinterpret_cast<const sockaddr*>(&to_), sizeof to_);
    if (done != 0 && errno != EINPROGRESS) die("connect");
    epoll_event e{};
    e.events = EPOLLOUT;
    e.data.u32 = static_cast<std::uint32_t>(clients_.size());
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c.fd.get(), &e) != 0) die("epoll_ctl");
    clients_.push_back(std::move(c));
  }
  // True when it has ended.
  bool step(Client& c) {
    if (!c.connected) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return close(c);
      c.connected = true;
      milliseconds_.push_back(Seconds(Clock::now() - c.begin).count() * 1000);
      tcp_info info{};
      size = sizeof info;
      getsockopt(c.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
      constexpr int kAll = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
      agreed_ += (info.tcpi_options & kAll) == kAll ? 1 : 0;
      epoll_event e{};
      e.events = EPOLLIN;
      e.data.u32 = static_cast<std::uint32_t>(&c - clients_.data());
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &e);
      return ::send(c.fd.get(), "hello\n", 6, MSG_NOSIGNAL) == 6 ? false : close(c);
    }
    char line[16];
    if (::recv(c.fd.get(), line, sizeof line, 0) == 6) ++echoed_;
    return close(c);
  }
  bool close(Client& c) {
    const linger at_once{1, 0};
    setsockopt(c.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    c.fd = Fd();
    return true;
  }
  double percentile(double p) {
    if (milliseconds_.empty()) return 0;
    const double at = p * static_cast<double>(milliseconds_.size() - 1);
    return milliseconds_[static_cast<std::size_t>(at)];
  }
  void report() {
    std::sort(milliseconds_.begin(), milliseconds_.end());
    std::printf("connected %zu\nechoed %d\nagreed %d\nmedian_ms %.2f\np99_ms %.2f\nmost_ms %.2f\n",
                milliseconds_.size(), echoed_, agreed_, percentile(0.5), percentile(0.99),
                percentile(1));
  }

  sockaddr_in to_;
  int count_;
  double per_second_;
  Seconds length_;
  Fd epoll_{epoll_create1(0)};
  std::vector<Client> clients_;
  std::vector<double> milliseconds_;
  int echoed_ = 0, agreed_ = 0;
};

int run(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "send" && (argc == 7 || argc == 8)) {
    return send_flood(argv + 2, argc == 8 ? argv[7] : nullptr);
  }
  if (what != "clients" || argc != 7) return usage();
  rlimit files{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  Clients clients(address_of(argv[2], std::atoi(argv[3])), std::atoi(argv[4]), std::atof(argv[5]),
                  std::atof(argv[6]));
  return clients.run();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc, argv); }
