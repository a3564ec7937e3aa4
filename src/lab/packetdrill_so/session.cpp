#include "lab/packetdrill_so/session.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "socket/engine.h"
#include "wire/ip.h"

namespace estab::lab {
namespace {

using namespace std::chrono_literals;

std::atomic<Session*> running = nullptr;
thread_local std::optional<Instant> call_ended;

// Past this, what still has timers (a keep-alive, a zero window) is taken to have nothing to say.
constexpr Duration kPatience = std::chrono::hours(24);

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

// A flag's value is wrong: why. Empty: it is taken.
std::optional<std::string> read_word(SessionFlags& flags, std::string_view name,
                                     std::string_view value) {
  const std::string text(value);
  if (name == "local") {
    auto prefix = Prefix::parse(value);
    if (!prefix) {
      const auto address = IpAddress::parse(value);
      if (!address) return fmt::format("local={}: expected an address", text);
      prefix = Prefix{*address, static_cast<std::uint8_t>(address->is_v4() ? 32 : 128)};
    }
    flags.host.addresses.push_back(*prefix);
    return std::nullopt;
  }
  if (name == "knobs") {
    if (value != "own" && value != "namespace") return "knobs: expected own or namespace";
    flags.knobs_of_namespace = value == "namespace";
    return std::nullopt;
  }
  if (name == "mtu" || name == "seed") {
    std::uint64_t number = 0;
    const auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = wrong == std::errc{} && end == value.data() + value.size();
    if (!whole || (name == "mtu" && (number < 68 || number > 65535))) {
      return fmt::format("{}={}: expected a number", name, text);
    }
    (name == "mtu" ? flags.host.mtu : flags.host.seed) = number;
    return std::nullopt;
  }
  const auto set = set_knob(flags.host.tuning, name, value);
  return set ? std::nullopt : std::optional(set.error());
}

}  // namespace

tl::expected<SessionFlags, std::string> SessionFlags::parse(std::string_view text) {
  SessionFlags flags;
  while (!text.empty()) {
    const auto end = text.find_first_of(", \t");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) {
      return tl::unexpected(fmt::format(
          "{}: expected local=ADDRESS, mtu=BYTES, seed=N, knobs=own or KNOB=VALUE", word));
    }
    if (auto wrong = read_word(flags, word.substr(0, equals), word.substr(equals + 1))) {
      return tl::unexpected(*wrong);
    }
  }
  return flags;
}

tl::expected<std::unique_ptr<Session>, std::string> Session::create(const SessionFlags& flags) {
  std::unique_ptr<Session> session(new Session);
  auto host = VirtualHost::create(flags.host);
  if (!host) return tl::unexpected(host.error());
  session->host_ = std::move(*host);
  session->knobs_of_namespace_ = flags.knobs_of_namespace;
  // What a connect() that no bind() went before is made from.
  if (flags.host.addresses.empty()) {
    session->own_address(IpAddress::v4(192, 168, 0, 1));
    session->own_address(*IpAddress::parse("fd3d:a0b:17d6::1"));
  }
  running.store(session.get());
  return session;
}

Session::~Session() {
  running.store(nullptr);
  host_.reset();
}

Session* Session::current() { return running.load(); }

// --- clock
// ----------------------------------------------------------------------------------------

void Session::sleep(Duration duration) {
  // packetdrill asks for 20 us less than it means, and then looks at the clock until it is time.
  host_->advance_to(host_->now() + duration + 20us);
}

Instant Session::look_at_clock() {
  if (const auto at = std::exchange(call_ended, std::nullopt)) return *at;
  host_->advance_to(host_->now() + 1us);  // who looks again and again must see it move
  return host_->now();
}

void Session::note_end(Instant at) { call_ended = at; }

// --- packets
// --------------------------------------------------------------------------------------

void Session::inject(Bytes packet) {
  if (packet.size() >= 20 && packet[0] >> 4 == 4) {
    own_address(IpAddress::v4(packet[16], packet[17], packet[18], packet[19]));
  } else if (packet.size() >= 40 && packet[0] >> 4 == 6) {
    std::array<std::uint8_t, 16> bytes;
    std::copy_n(packet.begin() + 24, 16, bytes.begin());
    own_address(IpAddress::v6(bytes));
  }
  host_->inject(packet);
}

std::optional<LeftPacket> Session::next_packet() {
  const Instant last = host_->now() + kPatience;
  for (;;) {
    if (auto packet = host_->take()) return packet;
    const auto next = host_->next_deadline();
    if (auto packet = host_->take()) return packet;
    if (!next || *next > last) return std::nullopt;
    host_->advance_to(*next);
  }
}

// --- the host's nature
// ----------------------------------------------------------------------------

void Session::own_address(const IpAddress& address) {
  const auto length = static_cast<std::uint8_t>(address.is_v4() ? 32 : 128);
  (void)host_->stack().engine()->with_stack([&](stack::Stack& s) {
    if (s.ip().is_local(address)) return 0;
    (void)s.ip().add_address(s.ip().interfaces().front().id, {address, length});
    return 0;
  });
}

void Session::follow_knobs() {
  if (!knobs_of_namespace_) return;
  const auto set = [&](const std::string& path, std::string_view name) {
    // A value beyond our range is not the script's subject.
    if (const auto value = first_line(path)) (void)host_->stack().set_tuning(name, *value);
  };
  for (const Knob& knob : knobs()) {
    set(fmt::format("/proc/sys/net/ipv4/{}", knob.name), knob.name);
  }
  for (const char* several : {"ip_local_port_range", "tcp_rmem", "tcp_wmem"}) {
    set(fmt::format("/proc/sys/net/ipv4/{}", several), several);
  }
  set("/proc/sys/net/core/somaxconn", "somaxconn");
}

// --- descriptors
// ----------------------------------------------------------------------------------

int Session::give_number(int estab_fd) {
  if (estab_fd < 0) return estab_fd;
  const int number = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (number < 0) {
    const int error = errno;
    (void)estab_close(estab_fd);
    errno = error;
    return -1;
  }
  const std::lock_guard held(mutex_);
  behind_[number] = estab_fd;
  return number;
}

int Session::number_behind(int number) const {
  const std::lock_guard held(mutex_);
  const auto found = behind_.find(number);
  return found == behind_.end() ? -1 : found->second;
}

bool Session::forget(int number) {
  const std::lock_guard held(mutex_);
  return behind_.erase(number) > 0;
}

}  // namespace estab::lab
