// System calls and code of a script that runs.
#include <asm/socket.h>
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "lab/script/script_run.h"

namespace estab::lab {
namespace {

constexpr std::size_t kLargestTcpInfo = 512;  // bytes; a kernel's may be longer than the header's

std::string prefixed(const CallSpec& call, const std::string& text) {
  return fmt::format("runtime error in {} call: {}", call.name, text);
}

}  // namespace

void ScriptRun::run_call(const Event& event, const CallSpec& call) {
  wait_for(event);
  if (pending_ && call.blocks_until) {
    mismatch(event, prefixed(call,
                             "blocking system call while another blocking system call is "
                             "already in progress"));
  }
  PreparedCall prepared;
  try {
    CallContext here = context();
    prepared = prepare_call(call, here);
  } catch (const CallFailure& failure) {
    mismatch(event, prefixed(call, failure.what()));
  }
  const auto live = host_->begin(prepared.run);
  if (!call.blocks_until) {
    if (!live->finished()) {
      mismatch(event, prefixed(call, "it blocks, and the script gives it no time to"));
    }
    return finish_call(event, call, prepared, *live);
  }
  const Duration offset = time_.due().kind == TimeKind::kRelative ? time_.due().offset : Duration{};
  pending_ = Pending{&event, &call, std::move(prepared), live, *call.blocks_until + offset};
}

void ScriptRun::finish_call(const Event& event, const CallSpec& call, const PreparedCall& prepared,
                            const VirtualHost::Call& live) {
  try {
    check_result(call, prepared, live.result(), live.error());
    if (prepared.check) prepared.check(live.result());
  } catch (const CallFailure& failure) {
    mismatch(event, prefixed(call, failure.what()));
  }
}

void ScriptRun::look_at_pending() {
  if (!pending_ || !pending_->live->finished()) return;
  const Pending done = *std::exchange(pending_, std::nullopt);
  finish_call(*done.event, *done.call, done.prepared, *done.live);
  DueTime due;
  due.begin = done.must_end;
  due.previous = done.event->begin;
  if (done.event->time == TimeKind::kRelative) {
    *due.previous = done.must_end - (*done.call->blocks_until - done.event->begin);
  }
  const std::string wrong =
      time_.check(due, done.live->finished_at() - start_, "system call return");
  if (!wrong.empty()) mismatch(*done.event, wrong);
}

// The last event may be a call that only a timer ends.
void ScriptRun::await_pending() {
  if (!pending_) return;
  host_->advance_to(start_ + pending_->must_end + time_.tolerance(pending_->must_end));
  look_at_pending();
  if (!pending_) return;
  mismatch(*pending_->event,
           prefixed(*pending_->call, "the script ends while the call still blocks"));
}

void ScriptRun::run_code(const Event& event, const CodeSpec& code) {
  wait_for(event);
  Conversation* conversation = sockets_.under_test();
  if (conversation == nullptr) mismatch(event, "runtime error in code: no socket to use for code");
  std::array<std::uint8_t, kLargestTcpInfo> info{};
  socklen_t size = info.size();
  std::array<std::uint32_t, 9> memory{};
  socklen_t memory_size = sizeof(memory);
  const int fd = conversation->live_fd;
  const auto got = host_->begin([&] {
    return static_cast<long>(estab_getsockopt(fd, IPPROTO_TCP, TCP_INFO, info.data(), &size));
  });
  if (!got->finished() || got->result() < 0) {
    mismatch(event, "runtime error in code: can't find getsockopt to get TCP info");
  }
  const auto memory_got = host_->begin([&] {
    return static_cast<long>(
        estab_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &memory_size));
  });
  const std::size_t numbers =
      memory_got->finished() && memory_got->result() == 0 ? memory_size / sizeof(memory[0]) : 0;
  python_.add(options_.name, event.line, code.text, Bytes(info).first(size),
              std::span(memory).first(numbers));
}

std::string ScriptRun::run_python() {
  if (python_.empty()) return "";
  const auto result = python_.run();
  if (!result) throw Problem(Trouble::kNotSupported, 0, 0, result.error());
  if (!result->passed) {
    throw Mismatch(fmt::format("{}: error executing code: an assertion of the script failed\n{}",
                               options_.name, result->output));
  }
  return result->output;
}

}  // namespace estab::lab
