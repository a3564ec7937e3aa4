#include "lab/script/calls.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <map>

#include "lab/script/arguments.h"
#include "lab/script/symbols.h"

namespace estab::lab {
namespace {

using Preparer = PreparedCall (*)(const Arguments&);

const std::map<std::string_view, Preparer>& preparers() {
  static const std::map<std::string_view, Preparer> all = {
      {"socket", prepare_opening},     {"bind", prepare_opening},
      {"listen", prepare_opening},     {"accept", prepare_opening},
      {"accept4", prepare_opening},    {"connect", prepare_opening},
      {"close", prepare_opening},      {"shutdown", prepare_opening},
      {"read", prepare_transfer},      {"readv", prepare_transfer},
      {"recv", prepare_transfer},      {"recvfrom", prepare_transfer},
      {"recvmsg", prepare_transfer},   {"write", prepare_transfer},
      {"writev", prepare_transfer},    {"send", prepare_transfer},
      {"sendto", prepare_transfer},    {"sendmsg", prepare_transfer},
      {"fcntl", prepare_option},       {"ioctl", prepare_option},
      {"getsockopt", prepare_option},  {"setsockopt", prepare_option},
      {"poll", prepare_wait},          {"epoll_create", prepare_wait},
      {"epoll_create1", prepare_wait}, {"epoll_ctl", prepare_wait},
      {"epoll_wait", prepare_wait},
  };
  return all;
}

constexpr std::array<std::string_view, 8> kNotOfSockets = {
    "open", "sendfile", "pipe", "splice", "cap_set", "psp_rx_assoc", "psp_tx_assoc", "mmap"};

}  // namespace

std::string why_not_supported(const CallSpec& call) {
  for (const std::string_view name : kNotOfSockets) {
    if (call.name == name) return fmt::format("{}() is not supported", name);
  }
  if (call.name != "socket" || call.arguments.size() != 3) return "";
  try {
    constexpr std::int64_t kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const std::int64_t type = evaluate(call.arguments[1]) & ~kFlags;
    if (type == SOCK_DGRAM) return "UDP and ICMP sockets are not supported";
    if (type == SOCK_RAW) return "raw sockets are not supported";
  } catch (const CallFailure&) {
    // It is said when the call's time comes.
  }
  return "";
}

PreparedCall prepare_call(const CallSpec& call, CallContext& context) {
  const auto found = preparers().find(call.name);
  if (found == preparers().end()) {
    throw CallFailure(fmt::format("unknown system call: '{}'", call.name));
  }
  return found->second(Arguments(call, context));
}

void check_result(const CallSpec& call, const PreparedCall& prepared, long result, int error) {
  const std::int64_t expected = evaluate(call.result);
  const bool any_descriptor = prepared.returns_descriptor && expected >= 0;
  if (any_descriptor ? result < 0 : result != expected) {
    const std::string wanted =
        any_descriptor ? "non-negative result" : fmt::format("result {}", expected);
    const std::string with =
        result < 0 ? fmt::format(" with errno {}", errno_text(error)) : std::string();
    throw CallFailure(fmt::format("Expected {} but got {}{}", wanted, result, with));
  }
  if (call.error.empty()) return;
  const auto expected_error = symbol(call.error);
  if (!expected_error) throw CallFailure(fmt::format("unknown errno: '{}'", call.error));
  if (error != *expected_error) {
    throw CallFailure(fmt::format("Expected errno {} but got {}",
                                  errno_text(static_cast<int>(*expected_error)),
                                  errno_text(error)));
  }
}

}  // namespace estab::lab
