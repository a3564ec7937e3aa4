// The public Stack: a thin coat over the Engine.
#include <unistd.h>

#include <cstdlib>

#include <fmt/format.h>

#include "estab/stack.h"
#include "socket/engine.h"

namespace estab {

std::string default_runtime_directory() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  if (base != nullptr && base[0] == '/') return fmt::format("{}/estab", base);
  if (::geteuid() == 0) return "/run/estab";
  return fmt::format("/tmp/estab-{}", ::geteuid());
}

tl::expected<Stack, std::string> Stack::open(StackOptions options) {
  return socket::Engine::create(std::move(options)).map([](auto engine) {
    return Stack(std::move(engine));
  });
}

Stack::Stack(std::shared_ptr<socket::Engine> engine) : engine_(std::move(engine)) {}
Stack::Stack(Stack&&) noexcept = default;

Stack& Stack::operator=(Stack&& o) noexcept {
  if (this == &o) return *this;
  if (engine_) engine_->shut_down();
  engine_ = std::move(o.engine_);
  return *this;
}

Stack::~Stack() {
  if (engine_) engine_->shut_down();
}

const std::vector<std::string>& Stack::notes() const { return engine_->notes(); }
const std::string& Stack::name() const { return engine_->options().name; }
const std::string& Stack::runtime_directory() const { return engine_->options().runtime_directory; }

Result<InterfaceNumber> Stack::attach(std::unique_ptr<Device> device,
                                      const InterfaceOptions& options) {
  return engine_->attach(std::move(device), options);
}

Result<void> Stack::detach(InterfaceNumber interface) { return engine_->detach(interface); }

// --- driving
// ------------------------------------------------------------------------------------------

std::optional<Instant> Stack::poll() { return poll(now()); }

std::optional<Instant> Stack::poll(Instant at) {
  const auto engine = engine_;  // a callback may destroy the Stack
  auto held = engine->lock();
  return engine->driver().poll(held, at);
}

int Stack::poll_fd() {
  auto held = engine_->lock();
  return engine_->driver().poll_fd(held);
}

Result<void> Stack::start() {
  auto held = engine_->lock();
  return engine_->driver().start(held, engine_);
}

void Stack::run() {
  const auto engine = engine_;  // a callback may destroy the Stack
  auto held = engine->lock();
  engine->driver().run(held);
}

void Stack::stop() { engine_->driver().stop(); }

void Stack::join() {
  auto held = engine_->lock();
  engine_->driver().join(held);
}

Instant Stack::now() const {
  auto held = engine_->lock();
  return engine_->driver().now();
}

void Stack::post(std::function<void()> call) {
  auto held = engine_->lock();
  engine_->driver().post(std::move(call));
}

void Stack::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
  auto held = engine_->lock();
  engine_->driver().watch(fd, events, std::move(callback));
}

void Stack::unwatch(int fd) {
  auto held = engine_->lock();
  engine_->driver().watch(fd, 0, nullptr);
}

Stack::TimerNumber Stack::call_at(Instant when, std::function<void()> call) {
  auto held = engine_->lock();
  return engine_->driver().call_at(when, std::move(call));
}

void Stack::cancel(TimerNumber timer) {
  auto held = engine_->lock();
  engine_->driver().cancel(timer);
}

// --- looking
// ------------------------------------------------------------------------------------------

std::uint64_t Stack::visit(std::uint64_t cursor, std::size_t limit,
                           const std::function<void(const ConnectionInfo&)>& see) const {
  return engine_->visit(cursor, limit, see);
}

std::vector<ConnectionInfo> Stack::connections() const {
  constexpr std::size_t kSlice = 4096;
  std::vector<ConnectionInfo> all;
  std::uint64_t cursor = 0;
  do {
    cursor = visit(cursor, kSlice, [&](const ConnectionInfo& info) { all.push_back(info); });
  } while (cursor != 0);
  return all;
}

StackTotals Stack::totals() const {
  StackTotals totals;
  const auto seen = engine_->with_stack([](stack::Stack& stack) { return stack.totals(); });
  if (!seen) return totals;
  totals.by_state = seen->by_state;
  totals.orphans = seen->orphans;
  totals.listeners = seen->listeners;
  totals.syn_records = seen->syn_records;
  totals.time_wait_records = seen->time_wait_records;
  totals.connections = seen->connections;
  totals.payload_bytes = seen->payload_bytes;
  totals.table_bytes = seen->table_bytes;
  totals.descriptors = engine_->descriptors();
  return totals;
}

Counters Stack::counters() const {
  return engine_->with_stack([](stack::Stack& s) { return s.counters(); }).value_or(Counters{});
}

Tuning Stack::tuning() const {
  return engine_->with_stack([](stack::Stack& s) { return s.tuning(); }).value_or(Tuning{});
}

tl::expected<void, std::string> Stack::set_tuning(std::string_view name, std::string_view value) {
  auto done = engine_->with_stack([&](stack::Stack& s) { return s.set_tuning(name, value); });
  if (!done) return tl::unexpected(std::string("the stack is closed"));
  return *done;
}

EventBatch Stack::events_since(std::uint64_t since, std::size_t limit) const {
  EventBatch batch;
  auto read = engine_->with_stack([&](stack::Stack& s) { return s.events_since(since, limit); });
  if (!read) return batch;
  batch.events = std::move(read->events);
  batch.next = read->next;
  batch.lost = read->lost;
  return batch;
}

std::string Stack::port_shortage() const {
  return engine_
      ->with_stack([](stack::Stack& s) {
        return s.port_shortage() ? s.port_shortage()->to_string() : std::string();
      })
      .value_or(std::string());
}

}  // namespace estab
