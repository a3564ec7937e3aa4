// One script's run: a host in virtual time, its clock and packets as packetdrill wants them, and
// the descriptors by which it knows our sockets.
//
// packetdrill closes with close(2) what a script left open, and asks getsockopt(2) itself for
// tcp_info: so each socket has a descriptor of the kernel's too, of /dev/null, and that number is the
// one that packetdrill gets.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "lab/virtual_host.h"

namespace estab::lab {

// --so_flags: words "name=value" between commas or spaces.
struct SessionFlags {
  HostOptions host;
  // Knobs follow /proc/sys/net of the namespace, which a script's `sysctl` sets. knobs=own: they do
  // not.
  bool knobs_of_namespace = true;
  // The error is one line.
  static tl::expected<SessionFlags, std::string> parse(std::string_view text);
};

class Session {
 public:
  static tl::expected<std::unique_ptr<Session>, std::string> create(const SessionFlags& flags);
  ~Session();
  // The one that runs; nullptr: none.
  static Session* current();

  VirtualHost& host() { return *host_; }

  // --- clock: who calls pushes it
  void sleep(Duration duration);
  Instant look_at_clock();
  // When the blocking call ended that this thread made last, once; it may look at its clock late.
  void note_end(Instant at);

  // --- packets
  void inject(Bytes packet);
  // The next, as soon as one leaves; nothing: none ever will.
  std::optional<LeftPacket> next_packet();

  // --- calls
  // Runs it so that it may block when this is not the thread that made the session.
  template <class F>
  auto call(F&& f) -> decltype(f()) {
    if (std::this_thread::get_id() == maker_) return f();
    host_->enter();
    const auto result = f();
    const int error = errno;
    note_end(host_->leave());
    errno = error;
    return result;
  }
  void own_address(const IpAddress& address);  // from now on, ours
  void follow_knobs();

  // --- descriptors
  int give_number(int estab_fd);        // what packetdrill gets; -1 stays -1
  int number_behind(int number) const;  // the estab_ one; ours: `number`, -1
  bool forget(int number);              // true: it was ours

 private:
  Session() = default;
  std::unique_ptr<VirtualHost> host_;
  std::thread::id maker_ = std::this_thread::get_id();
  bool knobs_of_namespace_ = true;
  mutable std::mutex mutex_;
  std::unordered_map<int, int> behind_;
};

}  // namespace estab::lab
