#include "cli/relay.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace estab::cli {
namespace {

constexpr std::size_t kAtOnce = 64 * 1024;

bool is_plain_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

bool ready(int fd, short events) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, 0) > 0;
}

}  // namespace

Relay::Relay(Stack& stack, Socket socket, const RelayOptions& options,
             std::function<void(int)> done)
    : stack_(stack), socket_(std::move(socket)), options_(options), done_(std::move(done)) {
  input_is_file_ = is_plain_file(STDIN_FILENO);
  input_ended_ = options_.no_input;
  const auto watched = socket_.on_ready(kReadable | kWritable | kReadClosed | kHangup | kError,
                                        [this](Readiness) { pump(); });
  if (watched) watch_input(!input_ended_);
  stack_.post([this] { pump(); });  // which learns what is wrong if it could not be watched
}

Relay::~Relay() {
  watch_input(false);
  watch_output(false);
}

void Relay::watch_input(bool on) {
  if (input_is_file_ || on == watching_input_) return;
  watching_input_ = on;
  if (!on) return stack_.unwatch(STDIN_FILENO);
  stack_.watch(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) {
    input_ready_ = true;
    watch_input(false);  // until what was read is sent
    pump();
  });
}

void Relay::watch_output(bool on) {
  if (on == watching_output_) return;
  watching_output_ = on;
  if (!on) return stack_.unwatch(STDOUT_FILENO);
  stack_.watch(STDOUT_FILENO, EPOLLOUT, [this](std::uint32_t) { pump(); });
}

void Relay::finish(int error) {
  if (finished_) return;
  finished_ = true;
  watch_input(false);
  watch_output(false);
  done_(error);
}

void Relay::pump() {
  if (finished_) return;
  if (!take_output() || !send_input()) return;
  const bool written = out_.empty();
  if (peer_ended_ && written && (input_ended_ || !options_.half_close)) finish(0);
}

// False: it is over.
bool Relay::send_input() {
  while (!half_closed_) {
    while (in_at_ != in_.size()) {
      const auto sent = socket_.send(std::string_view(in_).substr(in_at_));
      if (!sent && sent.error().value() == EAGAIN) return true;
      if (!sent) {
        finish(sent.error().value());
        return false;
      }
      in_at_ += *sent;
    }
    in_.clear();
    in_at_ = 0;
    if (input_ended_) {
      if (options_.half_close && !options_.no_input) (void)socket_.shutdown_write();
      half_closed_ = true;
      return true;
    }
    if (!input_is_file_ && !input_ready_) {
      watch_input(true);
      return true;
    }
    input_ready_ = false;
    in_.resize(kAtOnce);
    const ssize_t n = ::read(STDIN_FILENO, in_.data(), in_.size());
    in_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) input_ended_ = true;
  }
  return true;
}

// False: it is over.
bool Relay::take_output() {
  for (;;) {
    if (!write_output()) return false;
    if (!out_.empty() || peer_ended_) return true;
    out_.resize(kAtOnce);
    const auto got = socket_.receive(std::span<char>(out_));
    out_.resize(got ? *got : 0);
    if (!got && got.error().value() == EAGAIN) return true;
    if (!got) {
      finish(got.error().value());
      return false;
    }
    peer_ended_ = *got == 0;
  }
}

// Pieces of PIPE_BUF go into a pipe that is ready without a wait. False: nobody reads us any more.
bool Relay::write_output() {
  while (out_at_ != out_.size()) {
    if (!ready(STDOUT_FILENO, POLLOUT)) {
      watch_output(true);
      return true;
    }
    const std::size_t wanted = std::min<std::size_t>(out_.size() - out_at_, PIPE_BUF);
    const ssize_t n = ::write(STDOUT_FILENO, out_.data() + out_at_, wanted);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) {
      finish(errno);
      return false;
    }
    out_at_ += static_cast<std::size_t>(n);
  }
  watch_output(false);
  out_.clear();
  out_at_ = 0;
  return true;
}

}  // namespace estab::cli
