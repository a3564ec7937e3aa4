#include "stack/control_answer.h"

#include <algorithm>

namespace estab::stack::control {
namespace {

std::size_t bounded(std::uint32_t wanted, std::size_t most) {
  return wanted == 0 ? most : std::min<std::size_t>(wanted, most);
}

Snapshot snapshot(const Request& request, const Stack& stack, Instant now) {
  Snapshot slice;
  slice.next = stack.visit(request.from, bounded(request.limit, kSnapshotSlice), now,
                           [&](const tcp::Info& info) { slice.connections.push_back(info); });
  return slice;
}

CounterValues counter_values(const Counters& counters) {
  CounterValues reply;
  reply.values.reserve(kCounters);
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    reply.values.emplace_back(counter_name(counter), counters[counter]);
  }
  return reply;
}

Totals totals(const Stack::Totals& t) {
  return {t.by_state,          t.orphans,     t.listeners,     t.syn_records,
          t.time_wait_records, t.connections, t.payload_bytes, t.table_bytes};
}

Events events(const Request& request, const Stack& stack, Instant now) {
  Stack::EventRead read = stack.events_since(request.from, bounded(request.limit, kEventSlice));
  return {now, read.next, read.lost, std::move(read.events)};
}

KnobValues knob_values(const Tuning& tuning) {
  KnobValues reply;
  for (const Knob& knob : knobs()) reply.values.emplace_back(knob.name, tuning.*knob.value);
  reply.warnings = warnings(tuning);
  return reply;
}

Reply end(const Request& request, Stack& stack, Instant now) {
  const auto how = request.abort ? Stack::End::Abort : Stack::End::Close;
  const Result<void> done = stack.end(request.tuple, request.from, how, now);
  if (done || done.error() == std::errc::no_such_process) return Ended{done.has_value()};
  return Refusal{"it has no sending side to close; it can be aborted only"};
}

}  // namespace

Reply answer(const Request& request, const Identity& identity, Stack& stack, Instant now) {
  switch (request.kind) {
    case Kind::Identity: {
      Identity reply = identity;
      reply.now = now;
      return reply;
    }
    case Kind::Snapshot:
      return snapshot(request, stack, now);
    case Kind::Totals:
      return totals(stack.totals());
    case Kind::Counters:
      return counter_values(stack.counters());
    case Kind::Tuning:
      return knob_values(stack.tuning());
    case Kind::SetTuning: {
      auto set = stack.set_tuning(request.name, request.value);
      if (!set) return Refusal{set.error()};
      return knob_values(stack.tuning());
    }
    case Kind::Events:
      return events(request, stack, now);
    case Kind::End:
      return end(request, stack, now);
    case Kind::CallSites:  // the socket floor's to answer
    case Kind::Refusal:
      break;
  }
  return Refusal{"this stack does not know that request"};
}

}  // namespace estab::stack::control
