// The POSIX face: stacks.
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <string>
#include <vector>

#include "dev/clock.h"
#include "estab/devices.h"
#include "estab/posix.h"
#include "estab/stack.h"
#include "socket/posix_table.h"

namespace estab::socket {
namespace {

struct Current {
  std::mutex mutex;
  estab_stack* of_process = nullptr;
};

Current& current() {
  static Current instance;
  return instance;
}

thread_local estab_stack* of_thread = nullptr;
thread_local std::string last_error;

estab_stack* complain(int error, std::string words) {
  last_error = std::move(words);
  errno = error;
  return nullptr;
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    if (end != 0) words.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return words;
}

// What estab_stack_open() was told.
struct Wishes {
  StackOptions stack;
  InterfaceOptions interface;
  dev::DeviceSettings device;
  std::string pcap;
  std::optional<dev::FaultSpec> faults;

  // The first thing that is wrong, in words.
  std::optional<std::string> read_addresses(std::string_view text);
  std::optional<std::string> read_options(std::string_view text);
  std::optional<std::string> read_option(const std::string& name, const std::string& value);
};

std::optional<std::string> Wishes::read_addresses(std::string_view text) {
  for (const std::string& word : split(text, ", ")) {
    const auto prefix = Prefix::parse(word);
    if (!prefix) return fmt::format("'{}' is no address; expected one like 10.0.0.2/24", word);
    interface.addresses.push_back(*prefix);
  }
  return std::nullopt;
}

std::optional<std::string> Wishes::read_option(const std::string& name, const std::string& value) {
  if (name == "gateway") {
    const auto gateway = IpAddress::parse(value);
    if (!gateway) return fmt::format("gateway: '{}' is no address", value);
    const IpAddress any = gateway->is_v4() ? IpAddress::any_v4() : IpAddress::any_v6();
    interface.routes.push_back({Prefix{any, 0}, gateway});
  } else if (name == "mtu") {
    std::size_t mtu = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), mtu);
    if (read.ec != std::errc{} || read.ptr != value.data() + value.size()) {
      return fmt::format("mtu: '{}' is no number of bytes", value);
    }
    device.mtu = mtu;
  } else if (name == "state") {
    stack.state_file = value;
  } else if (name == "pcap") {
    pcap = value;
  } else if (name == "faults") {
    std::string spec = value;
    for (char& c : spec) c = c == '+' ? ',' : c;
    auto parsed = dev::parse_faults(spec);
    if (!parsed) return parsed.error();
    faults = *parsed;
  } else if (auto set = set_knob(stack.tuning, name, value); !set) {
    return set.error();
  }
  return std::nullopt;
}

std::optional<std::string> Wishes::read_options(std::string_view text) {
  for (const std::string& word : split(text, ", ")) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return fmt::format("'{}': expected name=value", word);
    if (auto wrong = read_option(word.substr(0, equals), word.substr(equals + 1))) return wrong;
  }
  return std::nullopt;
}

dev::Opened open_wished(const char* spec, const Wishes& wishes) {
  auto device = dev::open_device(spec, wishes.device);
  if (device && wishes.faults) device = dev::with_faults(std::move(*device), *wishes.faults);
  if (device && !wishes.pcap.empty()) device = dev::with_pcap(std::move(*device), wishes.pcap);
  return device;
}

}  // namespace

std::shared_ptr<Engine> current_engine() {
  if (of_thread != nullptr) return of_thread->engine;
  Current& c = current();
  const std::lock_guard held(c.mutex);
  return c.of_process != nullptr ? c.of_process->engine : nullptr;
}

}  // namespace estab::socket

using namespace estab::socket;

extern "C" {

estab_stack* estab_stack_open(const char* device, const char* addresses, const char* options) {
  Wishes wishes;
  auto wrong = wishes.read_addresses(addresses != nullptr ? addresses : "");
  if (!wrong) wrong = wishes.read_options(options != nullptr ? options : "");
  if (wrong) return complain(EINVAL, std::move(*wrong));
  auto stack = estab::Stack::open(wishes.stack);
  if (!stack) return complain(EIO, std::move(stack.error()));
  if (device != nullptr) {
    auto opened = open_wished(device, wishes);
    if (!opened) return complain(ENODEV, std::move(opened.error()));
    const auto attached = stack->attach(std::move(*opened), wishes.interface);
    if (!attached) {
      return complain(attached.error().value(),
                      fmt::format("addresses or routes: {}", attached.error().message()));
    }
  }
  auto made = std::make_unique<estab_stack>();
  made->engine = stack->engine();
  made->owned = std::make_unique<estab::Stack>(std::move(*stack));
  Current& c = current();
  const std::lock_guard held(c.mutex);
  if (c.of_process == nullptr) c.of_process = made.get();
  return made.release();
}

int estab_stack_start(estab_stack* stack) {
  Lock held = stack->engine->lock();
  const auto started = stack->engine->driver().start(held, stack->engine);
  if (!started) last_error = started.error().message();
  return answer(started);
}

void estab_stack_stop(estab_stack* stack) {
  Lock held = stack->engine->lock();
  stack->engine->driver().stop();
  stack->engine->driver().join(held);
}

void estab_stack_close(estab_stack* stack) {
  if (stack == nullptr) return;
  if (of_thread == stack) of_thread = nullptr;
  {
    Current& c = current();
    const std::lock_guard held(c.mutex);
    if (c.of_process == stack) c.of_process = nullptr;
  }
  delete stack;
}

int estab_stack_poll(estab_stack* stack) {
  Lock held = stack->engine->lock();
  const estab::Instant now = stack->engine->driver().now();
  const auto next = stack->engine->driver().poll(held, now);
  if (!next) return -1;
  const auto left = std::max(estab::Duration{0}, *next - now);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

int estab_stack_poll_fd(estab_stack* stack) {
  Lock held = stack->engine->lock();
  return stack->engine->driver().poll_fd(held);
}

int estab_stack_tune(estab_stack* stack, const char* name, const char* value) {
  const auto set =
      stack->engine->with_stack([&](estab::stack::Stack& s) { return s.set_tuning(name, value); });
  if (!set) return answer(set);
  if (*set) return 0;
  last_error = set->error();
  return refuse(EINVAL);
}

unsigned long long estab_stack_counter(const estab_stack* stack, const char* name) {
  const auto counter = estab::counter_by_name(name);
  if (!counter) return 0;
  return stack->engine->with_stack([&](estab::stack::Stack& s) { return s.counters()[*counter]; })
      .value_or(0);
}

void estab_use_stack(estab_stack* stack) {
  Current& c = current();
  const std::lock_guard held(c.mutex);
  c.of_process = stack;
}

void estab_use_stack_in_thread(estab_stack* stack) { of_thread = stack; }

const char* estab_last_error(void) { return last_error.c_str(); }

}  // extern "C"

namespace estab {

estab_stack* posix_stack(Stack& stack) {
  auto made = std::make_unique<estab_stack>();
  made->engine = stack.engine();
  return made.release();
}

}  // namespace estab
