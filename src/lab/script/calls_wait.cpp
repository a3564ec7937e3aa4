// poll and epoll.
#include <fmt/format.h>

#include "estab/posix.h"
#include "lab/script/arguments.h"

namespace estab::lab {
namespace {

using Kind = Expression::Kind;

std::int64_t number(const Expression& braces, const char* name) {
  const Expression* value = braces.is(Kind::kBraces) ? braces.field(name) : nullptr;
  if (value == nullptr) throw CallFailure(fmt::format("expected a struct with field {}", name));
  return evaluate(*value);
}

// [{fd=4, events=POLLIN, revents=POLLIN}]
PreparedCall prepare_poll(const Arguments& args) {
  args.expect_count(3);
  const Expression& list = args.at(0);
  if (!list.is(Kind::kList)) throw CallFailure("expected [{fd=.., events=..}]");
  auto fds = std::make_shared<std::vector<pollfd>>();
  std::vector<short> expected;
  for (const Expression& item : list.items) {
    pollfd fd{};
    fd.fd = args.context().sockets.live_fd(static_cast<int>(number(item, "fd")));
    fd.events = static_cast<short>(number(item, "events"));
    fds->push_back(fd);
    const bool named = item.field("revents") != nullptr;
    expected.push_back(static_cast<short>(named ? number(item, "revents") : 0));
  }
  const int count = args.number(1);
  if (static_cast<std::size_t>(count) != fds->size()) {
    throw CallFailure(
        fmt::format("nfds {} does not match {}-element pollfd array", count, fds->size()));
  }
  PreparedCall call;
  call.run = [fds, timeout = args.number(2)] {
    return static_cast<long>(estab_poll(fds->data(), fds->size(), timeout));
  };
  call.check = [fds, expected](long) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const short actual = (*fds)[i].revents;
      if (actual == expected[i]) continue;
      throw CallFailure(fmt::format("Expected revents of {:#x} but got {:#x} for pollfd {}",
                                    expected[i], actual, i));
    }
  };
  return call;
}

PreparedCall prepare_epoll_create(const Arguments& args) {
  args.expect_count(1);
  const bool with_flags = args.call().name == "epoll_create1";
  PreparedCall call;
  call.returns_descriptor = true;
  call.run = [value = args.number(0), with_flags] {
    if (with_flags) return static_cast<long>(estab_epoll_create1(value));
    if (value <= 0) {  // epoll_create(2): a size that is not used, but must be positive
      errno = EINVAL;
      return -1L;
    }
    return static_cast<long>(estab_epoll_create1(0));
  };
  call.check = [&sockets = args.context().sockets, script_fd = args.result_fd()](long live_fd) {
    if (live_fd >= 0) sockets.add_other(script_fd, static_cast<int>(live_fd));
  };
  return call;
}

// {events=EPOLLIN, fd=4}: ptr, u32 or u64 in place of fd.
epoll_event event_of(const Arguments& args, const Expression& e) {
  epoll_event event{};
  event.events = static_cast<std::uint32_t>(number(e, "events"));
  if (e.field("fd") != nullptr) {
    event.data.fd = args.context().sockets.live_fd(static_cast<int>(number(e, "fd")));
  } else if (e.field("u32") != nullptr) {
    event.data.u32 = static_cast<std::uint32_t>(number(e, "u32"));
  } else {
    event.data.u64 =
        static_cast<std::uint64_t>(number(e, e.field("ptr") != nullptr ? "ptr" : "u64"));
  }
  return event;
}

PreparedCall prepare_epoll_ctl(const Arguments& args) {
  args.expect_count(4);
  const bool nothing = !args.at(3).is(Kind::kBraces);
  PreparedCall call;
  call.run = [epoll = args.live_fd(0), operation = args.number(1), fd = args.live_fd(2), nothing,
              event = nothing ? epoll_event{} : event_of(args, args.at(3))]() mutable {
    return static_cast<long>(estab_epoll_ctl(epoll, operation, fd, nothing ? nullptr : &event));
  };
  return call;
}

// The script has the first event alone; with a result of 0, one whose events are 0.
PreparedCall prepare_epoll_wait(const Arguments& args) {
  args.expect_count(4);
  const int capacity = args.number(2);
  auto events =
      std::make_shared<std::vector<epoll_event>>(static_cast<std::size_t>(std::max(capacity, 1)));
  PreparedCall call;
  call.run = [epoll = args.live_fd(0), events, capacity, timeout = args.number(3)] {
    return static_cast<long>(estab_epoll_wait(epoll, events->data(), capacity, timeout));
  };
  if (!args.at(1).is(Kind::kBraces)) return call;
  call.check = [events, expected = event_of(args, args.at(1))](long result) {
    const epoll_event& actual = events->front();
    if (actual.events != expected.events) {
      throw CallFailure(fmt::format(
          "epoll_event->events does not match script: expected: {:#x} "
          "actual: {:#x}",
          static_cast<std::uint32_t>(expected.events), static_cast<std::uint32_t>(actual.events)));
    }
    if (result > 0 && actual.data.u64 != expected.data.u64) {
      throw CallFailure(
          fmt::format("epoll_event->data does not match script: expected: {} "
                      "actual: {}",
                      static_cast<std::uint64_t>(expected.data.u64),
                      static_cast<std::uint64_t>(actual.data.u64)));
    }
  };
  return call;
}

}  // namespace

PreparedCall prepare_wait(const Arguments& args) {
  const std::string& name = args.call().name;
  if (name == "poll") return prepare_poll(args);
  if (name == "epoll_ctl") return prepare_epoll_ctl(args);
  if (name == "epoll_wait") return prepare_epoll_wait(args);
  return prepare_epoll_create(args);
}

}  // namespace estab::lab
