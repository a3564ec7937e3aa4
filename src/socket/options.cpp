#include <algorithm>
#include <limits>

#include "socket/engine.h"
#include "socket/settings.h"
#include "wire/ip_options.h"

namespace estab::socket {
namespace {

using std::chrono::seconds;

constexpr int kSmallestMss = 88;  // TCP_MIN_MSS
constexpr int kLargestMss = 32767;

bool within(const std::optional<Duration>& value, Duration low, Duration high) {
  return !value || (*value >= low && *value <= high);
}

bool within(const std::optional<int>& value, int low, int high) {
  return !value || (*value >= low && *value <= high);
}

bool knows(int mtu_discovery) {
  return mtu_discovery >= 0 && mtu_discovery <= static_cast<int>(tcp::PathMtuDiscovery::Omit);
}

}  // namespace

// The ranges of tcp(7) and ip(7), as do_tcp_setsockopt() enforces them.
Result<void> check(const SocketOptions& o) {
  const bool fits =
      within(o.keep_idle, seconds(1), seconds(32767)) &&
      within(o.keep_interval, seconds(1), seconds(32767)) && within(o.keep_count, 1, 127) &&
      within(o.syn_retries, 1, 127) && o.user_timeout >= Duration::zero() &&
      o.user_timeout <=
          std::chrono::milliseconds(std::numeric_limits<int>::max()) &&  // tcp(7)'s int
      o.defer_accept >= Duration::zero() &&
      (o.max_segment == 0 || (o.max_segment >= kSmallestMss && o.max_segment <= kLargestMss)) &&
      o.tos >= 0 && o.tos <= 255 && o.ttl >= 0 && o.ttl <= 255 && o.ip_options.size() <= 40 &&
      knows(o.mtu_discovery_v4) && knows(o.mtu_discovery_v6) &&
      wire::ip_options_are_sound(o.ip_options) && o.linger_time >= Duration::zero();
  if (!fits) return fail(EINVAL);
  if (!o.congestion.empty() && !tcp::algorithm_named(o.congestion)) return fail(ENOENT);
  return {};
}

tcp::Settings settings_of(const SocketOptions& o, const Tuning& tuning) {
  tcp::Settings s = tcp::default_settings(tuning);
  if (const auto chosen = tcp::algorithm_named(o.congestion)) s.congestion = *chosen;
  s.no_delay = o.no_delay;
  s.cork = o.cork;
  s.keep_alive = o.keep_alive;
  s.oob_inline = o.oob_inline;
  s.quick_ack = o.quick_ack;
  s.tos = static_cast<std::uint8_t>(o.tos);
  s.ttl = static_cast<std::uint8_t>(o.ttl);
  s.max_segment = static_cast<std::uint16_t>(o.max_segment);
  s.keep_idle = o.keep_idle;
  s.keep_interval = o.keep_interval;
  s.keep_count = o.keep_count;
  s.user_timeout = o.user_timeout;
  s.syn_retries = o.syn_retries;
  s.fin_wait_2 = o.fin_wait_2;
  if (o.time_wait) s.time_wait = o.time_wait;
  const auto bounded = [](std::size_t wanted, std::int64_t largest) {
    return std::min(wanted, static_cast<std::size_t>(largest));
  };
  if (o.receive_buffer != 0) s.receive_buffer = bounded(o.receive_buffer, tuning.tcp_rmem_max);
  if (o.send_buffer != 0) {  // doubled for what a queued byte costs besides itself, as in Linux
    s.send_buffer = 2 * bounded(o.send_buffer, tuning.tcp_wmem_max);
    s.send_buffer_fixed = true;
  }
  // More than the buffer holds would never come.
  s.receive_low_water = std::clamp<std::size_t>(o.receive_low_water, 1, s.receive_buffer);
  if (o.not_sent_low_water != 0) s.not_sent_low_water = o.not_sent_low_water;
  s.ip_options = o.ip_options;
  s.mtu_discovery_v4 = static_cast<tcp::PathMtuDiscovery>(o.mtu_discovery_v4);
  s.mtu_discovery_v6 = static_cast<tcp::PathMtuDiscovery>(o.mtu_discovery_v6);
  return s;
}

Result<SocketOptions> Engine::get_options(SocketId id) const {
  const Lock held(mutex_);
  const Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  return entry->options;
}

Result<void> Engine::change_options(SocketId id,
                                    const std::function<void(SocketOptions&)>& change) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  SocketOptions wanted = entry->options;
  change(wanted);
  if (auto fine = check(wanted); !fine) return fine;
  const bool named = entry->binding || entry->connection || entry->listener;
  if (wanted.v6_only != entry->options.v6_only && (named || entry->family == Family::v4)) {
    return fail(EINVAL);
  }
  std::swap(entry->options, wanted);
  if (auto applied = apply_options(*entry); !applied) {
    std::swap(entry->options, wanted);
    return applied;
  }
  flush(held);
  return {};
}

Result<void> Engine::apply_options(Entry& entry) {
  const tcp::Settings settings = settings_of(entry.options, stack_->tuning());
  if (entry.listener) {
    stack::ListenOptions options;
    options.defer_accept = entry.options.defer_accept;
    stack_->set_listener_settings(entry.listener, settings, options);
  }
  if (entry.connection) return stack_->set_settings(entry.connection, settings, now());
  return {};
}

void Engine::push_out(SocketId id) {
  Lock held(mutex_);
  const Entry* entry = find(id);
  if (entry == nullptr || !entry->connection) return;
  stack_->push_out(entry->connection, now());
  flush(held);
}

Result<void> Engine::set_nonblocking(SocketId id, bool on) {
  const Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  entry->nonblocking = on;
  return {};
}

Result<int> Engine::take_error(SocketId id) {
  const Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  if (entry->connection) return stack_->take_error(entry->connection);
  return std::exchange(entry->error, 0);
}

}  // namespace estab::socket
