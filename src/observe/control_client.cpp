#include "observe/control_client.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "observe/stack_connection.h"

namespace estab::observe {
namespace control = stack::control;
namespace {

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

constexpr timeval kPatience{5, 0};  // a stack answers within one of its steps

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

// A connected descriptor, or -1 with errno set.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

// What a killed process left behind.
bool is_dead(const StackAddress& at) {
  const int fd = connect_to(at.path);
  if (fd >= 0) ::close(fd);
  return fd < 0 && errno == ECONNREFUSED;
}

void list_directory(const std::string& directory, std::vector<StackAddress>& found) {
  DIR* entries = ::opendir(directory.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    auto [pid, name] = control::parse_socket_file_name(entry->d_name);
    if (pid == 0) continue;
    StackAddress at{directory + "/" + entry->d_name, pid, std::move(name)};
    if (is_socket(at.path)) found.push_back(std::move(at));
  }
  ::closedir(entries);
}

// Also those of other users, for root, and of this user under another number (user namespaces):
// what must not be read can't be.
void add_children(const std::string& parent, std::string_view prefix, const std::string& below,
                  std::vector<std::string>& to) {
  DIR* entries = ::opendir(parent.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    if (std::string_view(entry->d_name).starts_with(prefix) && entry->d_name[0] != '.') {
      to.push_back(fmt::format("{}/{}{}", parent, entry->d_name, below));
    }
  }
  ::closedir(entries);
}

std::vector<std::string> directories_to_search() {
  const char* only = std::getenv("ESTAB_RUNTIME_DIR");
  std::vector<std::string> all =
      control::runtime_directories(only, std::getenv("XDG_RUNTIME_DIR"), ::geteuid());
  if (only != nullptr && *only != 0) return all;
  add_children("/tmp", "estab-", "", all);
  add_children("/run/user", "", "/estab", all);
  return all;
}

std::string list_of(const std::vector<StackAddress>& stacks) {
  std::string text;
  for (const StackAddress& at : stacks) {
    text += (text.empty() ? "" : ", ") + at.name + " (pid " + std::to_string(at.pid) + ")";
  }
  return text;
}

}  // namespace

std::string stacks_not_seen() {
  std::size_t unreadable = 0;
  for (const std::string& directory : directories_to_search()) {
    unreadable += ::access(directory.c_str(), R_OK) != 0 && errno == EACCES ? 1 : 0;
  }
  if (unreadable == 0) return "";
  return std::to_string(unreadable) + (unreadable == 1 ? " directory" : " directories") +
         " where other users' stacks are found may not be read (root sees all)";
}

Asked<std::vector<StackAddress>> find_stacks(std::string_view selector) {
  return find_stacks_in(directories_to_search(), selector);
}

Asked<std::vector<StackAddress>> find_stacks_in(const std::vector<std::string>& directories,
                                                std::string_view selector) {
  if (selector.find('/') != std::string_view::npos) {
    const std::string path(selector);
    if (!is_socket(path)) return wrong(path + " is not a control socket");
    auto [pid, name] = control::parse_socket_file_name(path.substr(path.rfind('/') + 1));
    return std::vector{StackAddress{path, pid, name}};
  }
  std::vector<StackAddress> found;
  for (const std::string& directory : directories) list_directory(directory, found);
  std::erase_if(found, is_dead);
  const auto key = [](const StackAddress& a) { return std::tie(a.pid, a.name); };
  std::sort(found.begin(), found.end(), [&](auto& a, auto& b) { return key(a) < key(b); });
  const auto same = [&](auto& a, auto& b) { return key(a) == key(b); };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  if (selector.empty()) return found;

  std::vector<StackAddress> chosen;
  std::copy_if(found.begin(), found.end(), std::back_inserter(chosen), [&](const StackAddress& a) {
    return a.name == selector || std::to_string(a.pid) == selector;
  });
  if (chosen.empty()) {
    return wrong("no running stack is named or numbered '" + std::string(selector) + "'" +
                 (found.empty() ? "; none is running" : "; running: " + list_of(found)));
  }
  return chosen;
}

ControlClient::~ControlClient() {
  if (fd_ >= 0) ::close(fd_);
}
ControlClient::ControlClient(ControlClient&& o) noexcept
    : fd_(std::exchange(o.fd_, -1)), address_(std::move(o.address_)) {}
ControlClient& ControlClient::operator=(ControlClient&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(address_, o.address_);
  return *this;
}

Asked<ControlClient> ControlClient::open(const StackAddress& address) {
  const int fd = connect_to(address.path);
  ControlClient client(fd, address);
  if (fd >= 0) return client;
  if (errno == EACCES || errno == EPERM) {
    return wrong("stack '" + address.name + "' belongs to another user: ask as that user or root");
  }
  return wrong(client.trouble("reach"));
}

std::string ControlClient::trouble(const char* doing) const {
  const int error = errno;
  const std::string who =
      "stack '" + address_.name + "' (pid " + std::to_string(address_.pid) + ")";
  if (error == EAGAIN) return who + " does not answer: it is stopped, or busy for over 5 s";
  return std::string("cannot ") + doing + " " + who + ": " + std::strerror(error);
}

Asked<control::Reply> ControlClient::ask(const control::Request& request) {
  const auto frame = control::encode(request);
  if (::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) {
    return wrong(trouble("ask"));
  }
  auto answer = read_frame();
  if (!answer) return wrong(answer.error());
  return control::decode_reply(*answer);
}

Asked<std::vector<std::uint8_t>> ControlClient::read_frame() {
  std::vector<std::uint8_t> frame;
  std::size_t wanted = control::kHeaderSize;
  while (frame.size() < wanted) {
    const std::size_t have = frame.size();
    frame.resize(wanted);
    const ssize_t n = ::recv(fd_, frame.data() + have, wanted - have, 0);
    if (n < 0 && errno == EINTR) {
      frame.resize(have);
      continue;
    }
    if (n == 0) return wrong("stack '" + address_.name + "' ended while it was asked");
    if (n < 0) return wrong(trouble("read the answer of"));
    frame.resize(have + static_cast<std::size_t>(n));
    auto size = control::frame_size(frame, control::kMaxReply);
    if (!size) return wrong(size.error());
    if (*size != 0) wanted = *size;
  }
  return frame;
}

template <class T>
Asked<T> ControlClient::ask_for(const control::Request& request) {
  auto reply = ask(request);
  if (!reply) return wrong(reply.error());
  if (auto* refusal = std::get_if<control::Refusal>(&*reply)) return wrong(refusal->text);
  if (auto* answer = std::get_if<T>(&*reply)) return std::move(*answer);
  return wrong("stack '" + address_.name + "' answered something else than it was asked");
}

Asked<control::Identity> ControlClient::identity() {
  return ask_for<control::Identity>({control::Kind::Identity, 0, 0, "", ""});
}

Asked<std::vector<Connection>> ControlClient::connections() {
  auto who = identity();
  if (!who) return wrong(who.error());
  std::vector<Connection> all;
  std::uint64_t cursor = 0;
  do {
    auto slice = ask_for<control::Snapshot>({control::Kind::Snapshot, cursor, 0, "", ""});
    if (!slice) return wrong(slice.error());
    for (const tcp::Info& info : slice->connections) {
      all.push_back(connection_of_stack(info, *who));
    }
    cursor = slice->next;
  } while (cursor != 0);
  return all;
}

Asked<control::Totals> ControlClient::totals() {
  return ask_for<control::Totals>({control::Kind::Totals, 0, 0, "", ""});
}
Asked<control::CounterValues> ControlClient::counters() {
  return ask_for<control::CounterValues>({control::Kind::Counters, 0, 0, "", ""});
}
Asked<control::KnobValues> ControlClient::tuning() {
  return ask_for<control::KnobValues>({control::Kind::Tuning, 0, 0, "", ""});
}
Asked<control::KnobValues> ControlClient::set_tuning(const std::string& name,
                                                     const std::string& value) {
  return ask_for<control::KnobValues>({control::Kind::SetTuning, 0, 0, name, value});
}
Asked<control::Events> ControlClient::events(std::uint64_t since) {
  return ask_for<control::Events>({control::Kind::Events, since, 0, "", ""});
}
Asked<control::CallSites> ControlClient::call_sites() {
  control::CallSites all;
  std::set<std::uint32_t> known;
  std::uint64_t from = 0;
  do {
    auto slice = ask_for<control::CallSites>({control::Kind::CallSites, from, 0, "", ""});
    if (!slice) return slice;
    all.recording = slice->recording;
    all.lost = slice->lost;
    all.sites.insert(all.sites.end(), slice->sites.begin(), slice->sites.end());
    for (auto& stack : slice->stacks) {
      if (known.insert(stack.number).second) all.stacks.push_back(std::move(stack));
    }
    if (slice->next != 0 && slice->next <= from) return wrong("the stack's answer goes in circles");
    from = slice->next;
  } while (from != 0);
  return all;
}
Asked<control::CallSites> ControlClient::call_site(std::uint64_t connection) {
  auto one = ask_for<control::CallSites>({control::Kind::CallSites, connection, 1, "", ""});
  if (one && !one->sites.empty() && one->sites.front().connection != connection) {
    one->sites.clear();
  }
  return one;
}
std::uint32_t ControlClient::process() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return static_cast<std::uint32_t>(peer.pid);
}
Asked<bool> ControlClient::end(const Connection& c, bool abort) {
  control::Request request;
  request.kind = control::Kind::End;
  request.from = c.cookie;
  request.tuple = {c.local, c.remote};
  request.abort = abort;
  auto ended = ask_for<control::Ended>(request);
  if (!ended) return wrong(ended.error());
  return ended->was_there;
}

Asked<std::vector<Connection>> connections_of(const std::vector<StackAddress>& stacks) {
  std::vector<Connection> all;
  std::string error;
  std::size_t answered = 0;
  for (const StackAddress& address : stacks) {
    auto client = ControlClient::open(address);
    auto one = client ? client->connections() : wrong(client.error());
    if (one) {
      ++answered;
      all.insert(all.end(), one->begin(), one->end());
    } else {
      error = one.error();
    }
  }
  if (answered == 0 && !error.empty()) return wrong(error);
  return all;
}

}  // namespace estab::observe
