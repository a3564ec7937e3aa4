// One host in virtual time: a stack, a link whose other end is the caller's, and the POSIX calls of
// estab/posix.h, blocking ones too. Nothing moves but by the calls below, so that the same calls
// give the same packets at the same instants.
//
//   auto host = VirtualHost::create({.addresses = {*Prefix::parse("192.168.0.1/16")}});
//   auto call = (*host)->begin([] { return estab_accept(listening, nullptr, nullptr); });
//   (*host)->inject(syn);  ...  (*host)->advance_to(when);  (*host)->take();
//   if (call->finished()) use(call->result(), call->error(), call->finished_at());
//
// Thread rules: one thread is the master, the one that made the host; it alone calls the functions
// here. Calls that may block run in threads of their own (begin()), or in any other thread between
// enter() and leave(); the clock stands still while one of them can run.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "estab/estab.h"
#include "estab/posix.h"
#include "socket/driver.h"

namespace estab::lab {

struct HostOptions {
  std::vector<Prefix> addresses{};
  std::vector<InterfaceOptions::Route> routes{};  // besides a default route for each family
  std::size_t mtu = 1500;
  Tuning tuning{};
  std::uint64_t seed = 1;
  Instant start = Instant(std::chrono::seconds(1));
};

// A packet that left the host, from its first IP byte on.
struct LeftPacket {
  Instant at;
  std::vector<std::uint8_t> bytes;
};

class VirtualHost {
 public:
  static tl::expected<std::unique_ptr<VirtualHost>, std::string> create(const HostOptions& options);
  ~VirtualHost();  // calls that still wait end with EBADF
  VirtualHost(const VirtualHost&) = delete;
  VirtualHost& operator=(const VirtualHost&) = delete;

  Stack& stack() { return stack_; }
  // For estab_use_stack_in_thread(); begin() and create() have called it.
  estab_stack* posix() { return posix_; }

  // --- time
  Instant now() const;
  // The next timer's; nothing: nothing will ever happen by itself.
  std::optional<Instant> next_deadline();
  // Each timer runs at its own time. An earlier instant than now() changes nothing.
  void advance_to(Instant when);

  // --- packets
  void inject(Bytes packet);          // arrives now; checksums must be right
  std::optional<LeftPacket> take();   // the oldest that nobody took

  // --- calls that may block
  class Call {
   public:
    bool finished() const;         // otherwise it waits for a packet or a timer
    long result() const;           // when finished: what it returned
    int error() const;             // and errno then
    Instant finished_at() const;
    ~Call();                       // its host has ended it, or it has finished

   private:
    friend class VirtualHost;
    struct State;
    std::shared_ptr<State> state_;
    std::thread thread_;
  };
  // Returns when the call has finished or waits.
  std::unique_ptr<Call> begin(std::function<long()> call);
  // A thread that is somebody else's makes a call.
  void enter();
  void leave();
};

}  // namespace estab::lab
