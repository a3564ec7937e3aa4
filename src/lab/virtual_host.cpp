#include "lab/virtual_host.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "socket/engine.h"

namespace estab::lab {
namespace {

using socket::Deadline;
using socket::Lock;
using socket::Waiter;

// Steps at one instant before the clock is pushed on: what asks for more each time is a bug, and
// must not stop the time.
constexpr int kMostRounds = 10'000;

}  // namespace

VirtualHost::VirtualHost(Instant start) : now_(start.time_since_epoch().count()) {}

tl::expected<std::unique_ptr<VirtualHost>, std::string> VirtualHost::create(
    const HostOptions& options) {
  std::unique_ptr<VirtualHost> host(new VirtualHost(options.start));
  StackOptions of_stack;
  of_stack.tuning = options.tuning;
  of_stack.seed = options.seed;
  of_stack.clock = [raw = host.get()] { return raw->now(); };
  auto stack = Stack::open(std::move(of_stack));
  if (!stack) return tl::unexpected(stack.error());
  host->stack_ = std::make_unique<Stack>(std::move(*stack));
  auto device = std::make_unique<ScriptDevice>(options.mtu);
  host->device_ = device.get();
  InterfaceOptions interface;
  interface.addresses = options.addresses;
  interface.routes = {{*Prefix::parse("0.0.0.0/0"), std::nullopt},
                      {*Prefix::parse("::/0"), std::nullopt}};
  if (const auto done = host->stack_->attach(std::move(device), interface); !done) {
    return tl::unexpected("addresses: " + done.error().message());
  }
  host->stack_->engine()->driver().set_pacer(host.get());
  host->posix_ = posix_stack(*host->stack_);
  estab_use_stack_in_thread(host->posix_);
  return host;
}

VirtualHost::~VirtualHost() {
  if (posix_ != nullptr) estab_use_stack_in_thread(nullptr);
  stack_.reset();  // who waits is told that its socket is gone
  for (std::thread& thread : threads_) thread.join();
  estab_stack_close(posix_);
}

// --- waiting
// --------------------------------------------------------------------------------------

std::size_t VirtualHost::runnable() const {
  const auto can_go_on = [&](const Waiting& w) { return w.waiter->woken() || w.deadline <= now(); };
  return running_ +
         static_cast<std::size_t>(std::count_if(waiting_.begin(), waiting_.end(), can_go_on));
}

void VirtualHost::settle(Lock& lock) {
  for (const Waiting& w : waiting_) {
    if (w.deadline <= now()) w.waiter->condition().notify_all();
  }
  settled_.wait(lock, [&] { return runnable() == 0; });
}

void VirtualHost::wait(Lock& lock, Waiter& waiter, Deadline deadline) {
  if (std::this_thread::get_id() == master_) {
    pass_time(lock, waiter, deadline);
    return;
  }
  waiting_.push_back({&waiter, deadline});
  --running_;
  settled_.notify_all();
  waiter.condition().wait(lock, [&] { return waiter.woken() || deadline <= now(); });
  std::erase_if(waiting_, [&](const Waiting& w) { return w.waiter == &waiter; });
  ++running_;
}

void VirtualHost::pass_time(Lock& lock, Waiter& waiter, Deadline deadline) {
  while (!waiter.woken() && now() < deadline) {
    const auto next = step(lock);
    if (waiter.woken()) break;
    const Instant until = std::min(next.value_or(deadline), deadline);
    if (until == kNever) break;
    advance(lock, until);
  }
}

// --- time
// -----------------------------------------------------------------------------------------

std::optional<Instant> VirtualHost::step(Lock& lock) {
  auto next = stack_->engine()->driver().poll(lock, now());
  settle(lock);
  if (running_ + waiting_.size() > 0) next = stack_->engine()->driver().poll(lock, now());
  for (const Waiting& w : waiting_) {
    if (w.deadline != kNever && (!next || w.deadline < *next)) next = w.deadline;
  }
  return next;
}

void VirtualHost::advance(Lock& lock, Instant when) {
  for (int rounds = 0;;) {
    const auto next = step(lock);
    if (!next || *next > when) break;
    rounds = *next > now() ? 0 : rounds + 1;
    const Instant pushed = rounds > kMostRounds ? now() + std::chrono::microseconds(1) : now();
    now_.store(std::max(*next, pushed).time_since_epoch().count());
    if (now() > when) return;
  }
  if (when <= now()) return;
  now_.store(when.time_since_epoch().count());
  (void)step(lock);
}

std::optional<Instant> VirtualHost::next_deadline() {
  Lock lock = stack_->engine()->lock();
  return step(lock);
}

void VirtualHost::advance_to(Instant when) {
  Lock lock = stack_->engine()->lock();
  advance(lock, when);
}

// --- packets
// --------------------------------------------------------------------------------------

void VirtualHost::inject(Bytes packet) {
  Lock lock = stack_->engine()->lock();
  device_->inject(packet);
  (void)step(lock);
}

std::optional<LeftPacket> VirtualHost::take() {
  const Lock lock = stack_->engine()->lock();
  return device_->take();
}

// --- calls
// ----------------------------------------------------------------------------------------

std::shared_ptr<const VirtualHost::Call> VirtualHost::begin(std::function<long()> call) {
  auto made = std::make_shared<Call>();
  const auto engine = stack_->engine();
  Lock lock = engine->lock();
  ++running_;
  threads_.emplace_back([this, engine, made, call = std::move(call)] {
    estab_use_stack_in_thread(posix_);
    errno = 0;
    const long result = call();
    const int error = errno;
    const Lock held = engine->lock();
    made->result_ = result;
    made->error_ = error;
    made->finished_at_ = now();
    made->finished_ = true;
    --running_;
    settled_.notify_all();
  });
  settle(lock);
  (void)step(lock);
  return made;
}

void VirtualHost::enter() {
  estab_use_stack_in_thread(posix_);
  const Lock lock = stack_->engine()->lock();
  ++running_;
}

Instant VirtualHost::leave() {
  const Lock lock = stack_->engine()->lock();
  --running_;
  settled_.notify_all();
  return now();
}

}  // namespace estab::lab
