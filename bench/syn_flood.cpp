// A SYN flood over the memory device, in virtual time: one stack listens, a million SYNs a second
// come from forged addresses, and 1,000 clients of another stack want to connect and be echoed
// meanwhile. All of it runs in one thread, whose CPU time says how many SYNs a second one core
// sustains.
//
//   bench_syn_flood [SYNCOOKIES [SYNS_PER_SECOND [SECONDS [CLIENTS]]]]     1 1000000 5 1000
//
// Prints key and value, one a line.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>
#include <ctime>
#include <new>
#include <string>
#include <vector>

#include "estab/devices.h"
#include "stack/stack.h"
#include "syn_packets.h"

namespace {

std::uint64_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace std::chrono_literals;
using namespace estab;

constexpr std::size_t kBatch = 64;
constexpr Endpoint kServer{IpAddress::v4(10, 0, 0, 2), Port{80}};
constexpr std::uint32_t kClientNet = 0x0a0000;  // 10.0.0.0/24
constexpr char kLine[] = "hello\n";
constexpr std::size_t kLineSize = sizeof kLine - 1;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::size_t heap() {
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

stack::Config config_of(std::uint64_t seed) {
  stack::Config c;
  c.seed = seed;
  c.secret = {{seed * 0x9e3779b97f4a7c15, seed + 77}};
  return c;
}

// The server's link, with everybody else behind it.
class Flood {
 public:
  Flood(const char* syncookies, double per_second, std::size_t clients)
      : step_(std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * kBatch / per_second))),
        wanted_(clients),
        packets_(htonl(0x0a000002), 80, 1) {
    auto server_link = dev::memory_pair({.queue_limit = 65536});
    auto client_link = dev::memory_pair({.queue_limit = 65536});
    outside_ = std::move(server_link.first);
    server_device_ = std::move(server_link.second);
    hub_ = std::move(client_link.first);
    client_device_ = std::move(client_link.second);
    server_ = std::make_unique<stack::Stack>(config_of(1));
    client_ = std::make_unique<stack::Stack>(config_of(2));
    stack::InterfaceConfig at{{*Prefix::parse("10.0.0.2/24")}, {}};
    at.routes.push_back({*Prefix::parse("0.0.0.0/0"), IpAddress::v4(10, 0, 0, 1)});
    server_->attach(*server_device_, at);
    client_->attach(*client_device_, {{*Prefix::parse("10.0.0.1/24")}, {}});
    if (!server_->set_tuning("tcp_syncookies", syncookies)) std::exit(2);
    const auto binding = server_->bind(kServer, {});
    listener_ = *server_->listen(*binding, {.backlog = 4096},
                                 tcp::default_settings(server_->tuning()), now_);
    syns_.resize(kBatch);
  }

  // Floods for so long. What is reported is counted from here on.
  void warm_up(Duration length) {
    run(length, 0);
    sent_ = answers_ = allocated_ = 0;
    stack_seconds_ = 0;
  }
  // The clients come evenly over the first nine tenths of `length`.
  void run(Duration length, std::size_t clients) {
    const Instant begin = now_;
    const Duration apart = length * 9 / 10 / static_cast<std::int64_t>(clients + 1);
    while (now_ - begin < length) {
      now_ += step_;
      if (clients_.size() < clients &&
          now_ - begin >= apart * static_cast<std::int64_t>(clients_.size() + 1)) {
        start_client();
      }
      send_syns();
      step();
    }
  }
  void report(double seconds) const;
  const stack::Stack& server() const { return *server_; }

 private:
  struct Client {
    stack::ConnectionId id;
    Instant begin;
    bool connected = false, echoed = false;
  };

  void start_client() {
    const auto id = client_->connect({}, kServer, tcp::default_settings(client_->tuning()), now_);
    if (id) clients_.push_back({*id, now_});
  }
  void send_syns() {
    for (OutgoingFrame& f : syns_) {
      f = OutgoingFrame();
      packets_.next(f.prepend(bench::SynPackets::kSize));
    }
    outside_->send(now_, syns_);
    sent_ += kBatch;
  }
  void step() {
    for (int round = 0; round < 3; ++round) {
      const std::uint64_t before = allocations;
      const double begin = cpu_seconds();
      for (auto next = server_->poll(now_); next && *next <= now_; next = server_->poll(now_)) {
      }
      stack_seconds_ += cpu_seconds() - begin;
      allocated_ += allocations - before;
      serve();
      carry();
      client_->poll(now_);
      drive_clients();
      forward(*hub_, *outside_);
    }
  }
  // What the server sends: to our clients, or to nobody.
  void carry() {
    frames_.clear();
    outside_->receive(now_, 65536, frames_);
    answers_ += frames_.size();
    for (ReceivedFrame& f : frames_) {
      const std::uint8_t* to = f.bytes.bytes().data() + 16;
      if ((std::uint32_t{to[0]} << 16 | std::uint32_t{to[1]} << 8 | to[2]) != kClientNet) continue;
      pass(*hub_, std::move(f.bytes));
    }
    frames_.clear();
  }
  void forward(Device& from, Device& to) {
    frames_.clear();
    from.receive(now_, 65536, frames_);
    for (ReceivedFrame& f : frames_) pass(to, std::move(f.bytes));
    frames_.clear();
  }
  void pass(Device& to, Slice bytes) {
    OutgoingFrame frame;
    frame.payload().push_back(std::move(bytes));
    to.send(now_, {&frame, 1});
  }
  void serve() {
    for (;;) {
      const auto a = server_->accept(listener_, now_);
      if (!a) break;
      serving_.push_back(a->connection);
    }
    for (std::size_t i = 0; i < serving_.size();) {
      std::uint8_t bytes[64];
      const auto got = server_->receive(serving_[i], bytes, false, now_);
      if (got && got->bytes > 0) {
        (void)server_->send(serving_[i], {bytes, got->bytes}, false, false, now_);
        serving_[i] = serving_.back();
        serving_.pop_back();
      } else {
        ++i;
      }
    }
  }
  void drive_clients() {
    for (const stack::Notice& n : client_->take_notices()) {
      for (Client& c : clients_) {
        if (!(c.id == n.connection) || c.echoed) continue;
        if (!c.connected && (n.readiness & tcp::kConnected) != 0) {
          c.connected = true;
          slowest_ = std::max(slowest_, now_ - c.begin);
          const auto* line = reinterpret_cast<const std::uint8_t*>(kLine);
          (void)client_->send(c.id, {line, kLineSize}, false, false, now_);
        }
        std::uint8_t bytes[64];
        const auto got = client_->receive(c.id, bytes, false, now_);
        if (got && got->bytes == kLineSize) c.echoed = true;
      }
    }
  }

  Instant now_ = Instant{} + 1000s;
  Duration step_;
  std::size_t wanted_;
  bench::SynPackets packets_;
  std::unique_ptr<Device> outside_, server_device_, hub_, client_device_;
  std::unique_ptr<stack::Stack> server_, client_;
  stack::ListenerId listener_;
  std::vector<OutgoingFrame> syns_;
  std::vector<ReceivedFrame> frames_;
  std::vector<Client> clients_;
  std::vector<stack::ConnectionId> serving_;
  std::uint64_t sent_ = 0, answers_ = 0, allocated_ = 0;
  double stack_seconds_ = 0;
  Duration slowest_{0};
};

void Flood::report(double seconds) const {
  std::size_t connected = 0, echoed = 0;
  for (const Client& c : clients_) {
    connected += c.connected ? 1u : 0u;
    echoed += c.echoed ? 1u : 0u;
  }
  const auto line = [](const char* key, auto value) { fmt::print("{} {}\n", key, value); };
  const auto sent = static_cast<double>(sent_);
  line("syns", sent_);
  line("answers", answers_);
  line("clients", wanted_);
  line("connected", connected);
  line("echoed", echoed);
  line("slowest_connect_ms", slowest_ / 1ms);
  line("syns_per_second_all", std::uint64_t(sent / seconds));
  line("syns_per_second_stack", std::uint64_t(sent / stack_seconds_));
  // The memory device copies each answer into memory of its own.
  line("allocations_per_syn", fmt::format("{:.3f}", static_cast<double>(allocated_) / sent));
  line("syn_records", server_->totals().syn_records);
  line("table_bytes", server_->totals().table_bytes);
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto c = static_cast<Counter>(i);
    if (server_->counters()[c] != 0) line(counter_name(c).data(), server_->counters()[c]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* syncookies = argc > 1 ? argv[1] : "1";
  const double per_second = argc > 2 ? std::atof(argv[2]) : 1e6;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 5;
  const auto clients = static_cast<std::size_t>(argc > 4 ? std::atoi(argv[4]) : 1000);
  if (argc > 5 || per_second <= 0 || seconds <= 0 || clients == 0) {
    fmt::print(stderr,
               "usage: bench_syn_flood [SYNCOOKIES [SYNS_PER_SECOND [SECONDS [CLIENTS]]]]\n");
    return 2;
  }
  Flood flood(syncookies, per_second, clients);
  const auto length = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  flood.warm_up(100ms);  // the queue fills, the tables grow
  const std::size_t before = heap();
  const double begin = cpu_seconds();
  flood.run(length, clients);
  const double used = cpu_seconds() - begin;
  flood.report(used);
  fmt::print("heap_growth_bytes {}\n", heap() > before ? heap() - before : 0);
  return 0;
}
