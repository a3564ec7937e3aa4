// For tests that need a network of their own: a function runs in a child process inside a fresh
// user and network namespace, where it is root and nothing else is.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include "estab/devices.h"

namespace estab::dev::testing {

// How the child ended: passed, failed, or why the test cannot run here.
struct Outcome {
  bool passed = false;
  std::string skipped;
};

inline bool write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return done;
}

// "" or why not.
inline std::string enter_namespace() {
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return std::string("the kernel refuses a user and network namespace: ") + std::strerror(errno);
  }
  write_file("/proc/self/setgroups", "deny");
  if (!write_file("/proc/self/uid_map", "0 " + uid + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + gid + " 1")) {
    return std::string("the kernel refuses to map the user: ") + std::strerror(errno);
  }
  return "";
}

constexpr int kSkipped = 77;

// Runs `body` in the namespace; what it returns, if anything, is why the test cannot run.
inline Outcome run_in_namespace(const std::function<std::string()>& body) {
  int pipe[2];
  if (::pipe(pipe) != 0) return {false, "no pipe"};
  (void)std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(120);  // a hung child must not hang the tests
    std::string reason = enter_namespace();
    if (reason.empty()) reason = body();
    if (!reason.empty() && ::write(pipe[1], reason.data(), reason.size()) < 0) std::perror("pipe");
    (void)std::fflush(nullptr);
    ::_exit(!reason.empty() ? kSkipped : ::testing::Test::HasFailure() ? 1 : 0);
  }
  ::close(pipe[1]);
  Outcome outcome;
  char text[512];
  const ssize_t got = ::read(pipe[0], text, sizeof(text));
  if (got > 0) outcome.skipped.assign(text, static_cast<std::size_t>(got));
  ::close(pipe[0]);
  int status = -1;
  if (child > 0) ::waitpid(child, &status, 0);
  outcome.passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return outcome;
}

#define ESTAB_IN_NAMESPACE(...)                                                   \
  do {                                                                            \
    const auto outcome = ::estab::dev::testing::run_in_namespace(__VA_ARGS__);    \
    if (!outcome.skipped.empty()) GTEST_SKIP() << outcome.skipped;                \
    EXPECT_TRUE(outcome.passed) << "see the failures of the child process above"; \
  } while (false)

// Gives up all capabilities, for good.
inline bool drop_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  return ::syscall(SYS_capset, &header, none) == 0;
}

// Frames from `device` until one satisfies `wanted`, which is returned; none within 10 s: empty.
inline ReceivedFrame wait_for(Device& device, const std::function<bool(Bytes)>& wanted) {
  for (;;) {
    std::vector<ReceivedFrame> in;
    device.receive(Instant{}, 64, in);
    for (ReceivedFrame& frame : in) {
      if (wanted(frame.bytes.bytes())) return std::move(frame);
    }
    pollfd ready{device.poll_fd(), POLLIN, 0};
    if (in.empty() && ::poll(&ready, 1, 10'000) <= 0) return {};
  }
}

inline OutgoingFrame outgoing(Bytes head, Bytes payload = {}) {
  OutgoingFrame frame;
  if (!head.empty()) std::memcpy(frame.prepend(head.size()), head.data(), head.size());
  if (!payload.empty()) frame.payload().push_back(Slice::copy_of(payload));
  return frame;
}

}  // namespace estab::dev::testing
