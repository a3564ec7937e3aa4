#include "observe/bpf/state_clock.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "observe/bpf/raw_event.h"
#include "observe/linux/namespaces.h"

namespace estab::observe::bpf {
namespace {

constexpr const char* kFolder = "/sys/fs/bpf/estab";

Instant instant(std::uint64_t ns) { return Instant{} + Duration{static_cast<std::int64_t>(ns)}; }

SocketLife life_of(const raw_clock_record& r, std::uint32_t process_namespace) {
  SocketLife life;
  life.state = state_of_linux(r.life.state).value_or(State::Closed);
  if (r.life.previous != 0) life.previous = state_of_linux(r.life.previous);
  if (r.life.since_ns != 0) life.since = instant(r.life.since_ns);
  life.met = instant(r.life.first_ns);
  life.reader = r.life.reader;
  if (r.life.owner_is != 0) {
    life.owner = r.life.owner.pid;
    life.command.assign(r.life.owner.command, strnlen(r.life.owner.command, 16));
    life.owner_is_listener = r.life.owner_is == RAW_OWNER_LISTENER;
  }
  // The number that another process namespace has for it is nobody's here, or somebody else's.
  if (r.process_namespace != process_namespace) {
    life.owner = 0;
    life.command.clear();
    life.reader = 0;
  }
  life.netns = r.netns;
  life.hops = r.life.hops;
  life.eof_seen = r.life.eof_seen != 0;
  life.made_stack = r.life.made_stack;
  life.read_stack = r.life.read_stack;
  if (r.life.read_ns != 0) life.read_at = instant(r.life.read_ns);
  return life;
}

}  // namespace

// Reads the files of the folders into one table.
class ClockReader {
 public:
  // 0, or the errno that kept us out.
  int add_file(StateClock& to, const std::string& path) const {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    std::vector<char> bytes(1024 * sizeof(raw_clock_record));
    std::size_t have = 0;
    for (;;) {
      const ssize_t n = ::read(fd, bytes.data() + have, bytes.size() - have);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
      have = take_whole(to, bytes, have);
    }
    ::close(fd);
    return 0;
  }

  static void set_source(StateClock& to, const std::string& source) { to.source_ = source; }

 private:
  const std::uint32_t process_namespace_ = own_process_namespace();

  // What is left of the last record moves to the front.
  std::size_t take_whole(StateClock& to, std::vector<char>& bytes, std::size_t have) const {
    std::size_t at = 0;
    for (; at + sizeof(raw_clock_record) <= have; at += sizeof(raw_clock_record)) {
      raw_clock_record record;
      std::memcpy(&record, bytes.data() + at, sizeof record);
      to.lives_.try_emplace(record.cookie, life_of(record, process_namespace_));
    }
    std::memmove(bytes.data(), bytes.data() + at, have - at);
    return have - at;
  }
};

namespace {

// kept first, then by process id: the lower began earlier, as a rule.
std::vector<std::string> folders_of(const std::string& root, std::error_code& error) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    const std::string name = entry.path().filename();
    if (!tracer_has_ended(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    if ((a == "kept") != (b == "kept")) return a == "kept";
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return names;
}

}  // namespace

bool tracer_has_ended(const std::string& folder) {
  const std::size_t dash = folder.find('-');
  const std::string pid = folder.substr(0, dash);
  if (pid.find_first_not_of("0123456789") != pid.npos) return false;
  const std::uint32_t own = own_process_namespace();
  const std::string space = dash == folder.npos ? "0" : folder.substr(dash + 1);
  return space == std::to_string(own) && !std::filesystem::exists("/proc/" + pid);
}

tl::expected<StateClock, std::string> StateClock::read() { return read_from(kFolder); }

Kept StateClock::kept() {
  std::error_code error;
  Kept found = Kept::No;
  for (const std::string& name : folders_of(kFolder, error)) {
    const std::string file = std::string(kFolder) + "/" + name + "/sockets";
    if (::access(file.c_str(), R_OK) == 0) return Kept::Yes;
    if (errno == EACCES || errno == EPERM) found = Kept::NotForUs;
  }
  return error == std::errc::permission_denied ? Kept::NotForUs : found;
}

tl::expected<StateClock, std::string> StateClock::read_from(const std::string& root) {
  std::error_code error;
  StateClock clock;
  const ClockReader reader;
  int refused = 0;
  for (const std::string& name : folders_of(root, error)) {
    const std::string folder = root + "/" + name;
    const int first = reader.add_file(clock, folder + "/sockets");
    if (first == 0) reader.add_file(clock, folder + "/gone");
    if (first == 0 && clock.source_.empty()) ClockReader::set_source(clock, folder);
    if (first == EACCES || first == EPERM) refused = first;
  }
  if (!clock.source_.empty()) return clock;
  if (refused != 0 || error == std::errc::permission_denied) {
    return tl::unexpected("the time in state that a tracer keeps in " + root +
                          " may be read by root alone");
  }
  return tl::unexpected(std::string(
      "nobody keeps the time in state: estab trace or estab doctor --watch does while it runs, "
      "estab trace --keep until estab trace --forget"));
}

const SocketLife* StateClock::of(std::uint64_t cookie) const {
  const auto found = lives_.find(cookie);
  return found == lives_.end() ? nullptr : &found->second;
}

tl::expected<void, std::string> forget_kept() {
  std::error_code error;
  std::vector<std::string> names{"kept"};
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, error)) {
    if (tracer_has_ended(entry.path().filename())) names.push_back(entry.path().filename());
  }
  std::uintmax_t removed = 0;
  for (const std::string& name : names) {
    const std::string folder = std::string(kFolder) + "/" + name;
    removed += std::filesystem::remove_all(folder, error);
    if (error) return tl::unexpected("cannot remove " + folder + ": " + error.message());
  }
  if (removed == 0) return tl::unexpected(std::string("nothing was kept"));
  return {};
}

Instant monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{} + std::chrono::seconds(now.tv_sec) + Duration{now.tv_nsec};
}

}  // namespace estab::observe::bpf
