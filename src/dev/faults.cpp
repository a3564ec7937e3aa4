#include "dev/faults.h"

#include <algorithm>

namespace estab::dev {
namespace {

constexpr std::size_t kBatch = 64;
// A full device tells nobody when it has room again.
constexpr Duration kRetry = std::chrono::milliseconds(1);

// How long `bytes` take to leave at `rate` bit/s, rounded up.
Duration transmission_time(std::size_t bytes, std::uint64_t rate) {
  const std::uint64_t bit_ns = std::uint64_t{bytes} * 8 * 1'000'000'000;  // fits: frames are small
  return Duration(static_cast<std::int64_t>((bit_ns + rate - 1) / rate));
}

}  // namespace

bool LinkFaults::any() const {
  return loss > 0 || duplicate > 0 || corrupt > 0 || rate > 0 || delay > Duration::zero() ||
         jitter > Duration::zero();
}

void FaultyLink::push(Instant now, ReceivedFrame frame) {
  if (faults_.loss > 0 && random_.chance(faults_.loss)) {
    ++dropped_;
    return;
  }
  if (faults_.duplicate > 0 && random_.chance(faults_.duplicate)) carry(now, frame);
  carry(now, std::move(frame));
}

void FaultyLink::carry(Instant now, ReceivedFrame frame) {
  if (faults_.corrupt > 0 && random_.chance(faults_.corrupt)) corrupt(frame);
  while (!departures_.empty() && departures_.front() <= now) departures_.pop_front();
  const std::size_t size = frame.bytes.buffer.true_size();
  if (departures_.size() >= faults_.queue || held_bytes_ + size > kHeldBytes) {
    ++dropped_;
    return;
  }
  Instant departs = now;
  if (faults_.rate > 0) {
    departs = std::max(now, last_departure_) + transmission_time(frame.bytes.length, faults_.rate);
    departures_.push_back(departs);
    last_departure_ = departs;
  }
  held_bytes_ += size;
  if (faults_.reorder > 0 && random_.chance(faults_.reorder)) {
    overtaking_.push_back({departs, number_++, std::move(frame)});
    return;
  }
  Instant arrives = departs + faults_.delay;
  if (faults_.jitter > Duration::zero()) {
    const auto span = static_cast<std::uint64_t>(2 * faults_.jitter.count() + 1);
    arrives += Duration(static_cast<std::int64_t>(random_.below(span))) - faults_.jitter;
  }
  last_arrival_ = std::max({arrives, departs, last_arrival_});
  in_order_.push_back({last_arrival_, number_++, std::move(frame)});
}

void FaultyLink::corrupt(ReceivedFrame& frame) {
  if (frame.bytes.length == 0) return;
  frame.bytes = Slice::copy_of(frame.bytes.bytes());  // others may hold the bytes
  const std::uint64_t bit = random_.below(std::uint64_t{frame.bytes.length} * 8);
  frame.bytes.buffer.data()[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  frame.checksum_vouched = false;
}

bool FaultyLink::earlier_is_overtaking() const {
  if (in_order_.empty() || overtaking_.empty()) return in_order_.empty();
  const Held& a = overtaking_.front();
  const Held& b = in_order_.front();
  return a.arrives != b.arrives ? a.arrives < b.arrives : a.number < b.number;
}

std::optional<ReceivedFrame> FaultyLink::pop(Instant now) {
  if (empty()) return std::nullopt;
  std::deque<Held>& from = earlier_is_overtaking() ? overtaking_ : in_order_;
  if (from.front().arrives > now) return std::nullopt;
  ReceivedFrame frame = std::move(from.front().frame);
  from.pop_front();
  held_bytes_ -= frame.bytes.buffer.true_size();
  return frame;
}

std::optional<Instant> FaultyLink::next() const {
  if (empty()) return std::nullopt;
  return earlier_is_overtaking() ? overtaking_.front().arrives : in_order_.front().arrives;
}

// Two seeds that differ in more than a step of splitmix64, so that the directions do not mirror
// each other.
FaultyDevice::FaultyDevice(std::unique_ptr<Device> inner, const FaultSpec& spec)
    : Decorator(std::move(inner)),
      spec_(spec),
      in_(spec.in, Random(spec.seed).next()),
      out_(spec.out, Random(~spec.seed).next()) {}

// Empties the device inside, so that its own queue adds neither delay nor loss to those asked for.
// Bounded, lest a fast sender keep us here.
void FaultyDevice::take_in(Instant now) {
  constexpr int kMaxBatches = 256;
  for (int i = 0; i < kMaxBatches; ++i) {
    batch_.clear();
    inner().receive(now, kBatch, batch_);
    const std::size_t got = batch_.size();
    for (ReceivedFrame& frame : batch_) in_.push(now, std::move(frame));
    if (got < kBatch) break;
  }
  batch_.clear();
}

void FaultyDevice::receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) {
  let_out(now);
  if (!spec_.in.any()) {
    inner().receive(now, limit, in);
    return;
  }
  take_in(now);
  for (; limit > 0; --limit) {
    std::optional<ReceivedFrame> frame = in_.pop(now);
    if (!frame) break;
    in.push_back(std::move(*frame));
  }
}

std::size_t FaultyDevice::send(Instant now, std::span<const OutgoingFrame> out) {
  if (!spec_.out.any()) return inner().send(now, out);
  for (const OutgoingFrame& frame : out) out_.push(now, {frame.flatten(), false});
  let_out(now);
  return out.size();
}

// Frames that the device inside has no room for wait here and hold up those behind them.
void FaultyDevice::let_out(Instant now) {
  if (!spec_.out.any()) return;
  do {
    while (leaving_.size() < kBatch) {
      std::optional<ReceivedFrame> frame = out_.pop(now);
      if (!frame) break;
      leaving_.emplace_back().payload().push_back(std::move(frame->bytes));
    }
    if (leaving_.empty()) return;
    const std::size_t taken = inner().send(now, leaving_);
    leaving_.erase(leaving_.begin(), leaving_.begin() + static_cast<std::ptrdiff_t>(taken));
  } while (leaving_.empty());
  retry_at_ = now + kRetry;
}

std::optional<Instant> FaultyDevice::next_wakeup() const {
  const Instant out = leaving_.empty() ? out_.next().value_or(kNever) : retry_at_;
  const Instant first =
      std::min({inner().next_wakeup().value_or(kNever), in_.next().value_or(kNever), out});
  return first == kNever ? std::nullopt : std::optional(first);
}

std::uint64_t FaultyDevice::dropped() const {
  return inner().dropped() + in_.dropped() + out_.dropped();
}

std::unique_ptr<Device> with_faults(std::unique_ptr<Device> inner, const FaultSpec& spec) {
  return std::make_unique<FaultyDevice>(std::move(inner), spec);
}

}  // namespace estab::dev
