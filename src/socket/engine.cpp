#include "socket/engine.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "dev/clock.h"
#include "dev/entropy.h"

namespace estab::socket {
namespace {

// What finds no room in the file is forgotten with the process: the older records stay.
std::size_t state_file_size(const Tuning& tuning) {
  constexpr std::int64_t kMost = 65536;
  return stack::memory_size(
      static_cast<std::size_t>(std::clamp<std::int64_t>(tuning.tcp_max_tw_buckets, 1, kMost)));
}

}  // namespace

tl::expected<std::shared_ptr<Engine>, std::string> Engine::create(StackOptions options) {
  std::shared_ptr<Engine> engine(new Engine);
  if (auto wrong = engine->assemble(std::move(options))) return tl::unexpected(*wrong);
  engine->listen_to_tools();
  return engine;
}

std::optional<std::string> Engine::assemble(StackOptions options) {
  options_ = std::move(options);
  if (options_.name.empty()) options_.name = fmt::format("estab-{}", ::getpid());
  stack::Config config;
  config.tuning = options_.tuning;
  config.event_capacity = options_.event_capacity;
  if (options_.seed) {
    Random random(*options_.seed);
    config.seed = random.next();
    config.secret.words = {random.next(), random.next()};
  } else {
    config.seed = dev::entropy_seed();
    config.secret = dev::entropy_key();
  }
  if (!options_.state_file.empty()) {
    auto file = StateFile::open(options_.state_file, state_file_size(options_.tuning));
    if (!file) return file.error();
    state_file_ = std::move(*file);
    config.memory = state_file_.memory();
    const Instant now = options_.clock ? options_.clock() : dev::now();
    config.wall_clock_ns = (now.time_since_epoch() + dev::wall_clock_offset()).count();
  }
  stack_ = std::make_unique<stack::Stack>(std::move(config));
  notes_ = warnings(options_.tuning);
  if (!stack_->memory_note().empty()) {
    notes_.push_back(fmt::format("{}: {}", options_.state_file, stack_->memory_note()));
  }
  auto driver = Driver::create(mutex_, *this, options_.clock);
  if (!driver) return fmt::format("cannot make an event loop: {}", driver.error().message());
  driver_ = std::move(*driver);
  // What the file holds is there from the start, and the two clocks meet at the time just read.
  if (!options_.state_file.empty()) stack_->poll(now());
  return std::nullopt;
}

// A stack that tools can't ask works all the same. One with a clock or a seed of its own is a test's
// or a simulation's: nobody looks for it.
void Engine::listen_to_tools() {
  if (options_.clock || options_.seed) return;
  ControlOptions control;
  control.name = options_.name;
  control.directory = options_.runtime_directory;
  control.wall_offset = dev::wall_clock_offset();
  control.recorded_calls = [this](std::uint64_t from, std::uint32_t limit) {
    return recorded_calls(from, limit);
  };
  auto server = ControlServer::open(control, now());
  if (options_.runtime_directory.empty()) {
    options_.runtime_directory = default_runtime_directory();
  }
  if (!server) {
    notes_.push_back("estab ss and its kind will not find this stack: " + server.error());
    return;
  }
  control_ = std::move(*server);
  options_.runtime_directory = control_->path().substr(0, control_->path().rfind('/'));
  driver_->watch(control_->poll_fd(), EPOLLIN, [this](std::uint32_t) {
    const Lock held(mutex_);
    if (stack_ && control_) control_->serve(*stack_, driver_->now());
  });
}

Engine::~Engine() { shut_down(); }

void Engine::shut_down() {
  Lock held(mutex_);
  if (std::exchange(shut_down_, true)) return;
  if (!driver_) return;
  driver_->stop();
  driver_->join(held);
  std::vector<SocketId> all;
  entries_.for_each([&](SocketId id, Entry&) { all.push_back(id); });
  for (const SocketId id : all) {
    Entry* entry = find(id);
    drop_all(*entry, true);  // the peer shall learn of it rather than wait
    changed(id, *entry);
    for (const Entry::Watch& w : entry->watches) w.observer->on_closed(w.key);
    entries_.free(id);
  }
  if (stack_) stack_->poll(now());
  if (control_) driver_->watch(control_->poll_fd(), 0, nullptr);
  control_.reset();
  calls_.clear();
  call_sites_.reset();
  stack_.reset();
  for (const auto& [interface, device] : devices_) {
    if (device->poll_fd() >= 0) driver_->watch(device->poll_fd(), 0, nullptr);
  }
  devices_.clear();
  state_file_ = StateFile();
}

// --- interfaces
// -------------------------------------------------------------------------------------

Result<InterfaceNumber> Engine::attach(std::unique_ptr<Device> device,
                                       const InterfaceOptions& options) {
  Lock held(mutex_);
  if (!stack_) return fail(EBADF);
  if (device == nullptr) return fail(EINVAL);
  const ip::InterfaceId interface = stack_->attach(*device, {});
  devices_.emplace_back(interface, std::move(device));
  Result<void> wrong;
  for (const Prefix& prefix : options.addresses) {
    if (wrong) wrong = stack_->ip().add_address(interface, prefix);
  }
  for (const InterfaceOptions::Route& route : options.routes) {
    if (wrong) wrong = stack_->ip().add_route(route.destination, route.gateway, interface);
  }
  if (!wrong) {
    stack_->detach(interface, now());
    devices_.pop_back();
    return tl::unexpected(wrong.error());
  }
  const int fd = devices_.back().second->poll_fd();
  if (fd >= 0) {
    driver_->watch_device(fd);
  } else {
    driver_->look_often();
  }
  flush(held);
  return static_cast<InterfaceNumber>(interface);
}

Result<void> Engine::detach(InterfaceNumber interface) {
  Lock held(mutex_);
  if (!stack_) return fail(EBADF);
  const auto found = std::find_if(devices_.begin(), devices_.end(), [&](const auto& d) {
    return static_cast<InterfaceNumber>(d.first) == interface;
  });
  if (found == devices_.end()) return fail(ENODEV);
  const int fd = found->second->poll_fd();
  if (fd >= 0) driver_->watch(fd, 0, nullptr);
  stack_->detach(found->first, now());
  devices_.erase(found);
  return {};
}

// --- steps and what they change
// -----------------------------------------------------------------------

std::optional<Instant> Engine::step(Instant at) {
  if (!stack_) return std::nullopt;
  const std::optional<Instant> next = stack_->poll(at);
  for (const stack::Notice& notice : stack_->take_notices()) {
    const bool listener = notice.kind == stack::Notice::Kind::Listener;
    const auto& map = listener ? by_listener_ : by_connection_;
    const auto found = map.find(listener ? notice.listener.value : notice.connection.value);
    if (found == map.end()) continue;  // closed since
    if (Entry* entry = find(found->second)) changed(found->second, *entry);
  }
  // The acknowledgment of a FIN changes nothing that one could poll for.
  for (const SocketId id : lingering_) {
    if (Entry* entry = find(id)) changed(id, *entry);
  }
  return next;
}

void Engine::changed(SocketId id, Entry& entry) {
  for (Waiter* waiter : entry.waiters) waiter->wake();
  for (const Entry::Watch& w : entry.watches) w.observer->on_change(w.key);
  if (entry.call && !entry.call_queued && (readiness_of(entry) & entry.call_mask) != 0) {
    entry.call_queued = true;
    calls_.push_back(id);
  }
}

Call Engine::next_call() {
  while (!calls_.empty()) {
    const SocketId id = calls_.front();
    calls_.pop_front();
    Entry* entry = find(id);
    if (entry == nullptr) continue;
    entry->call_queued = false;
    const Readiness ready = readiness_of(*entry);
    if (!entry->call || (ready & entry->call_mask) == 0) continue;
    return [call = entry->call, ready] { (*call)(ready); };  // outlives a close() in it
  }
  return nullptr;
}

}  // namespace estab::socket
