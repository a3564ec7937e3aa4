#include "socket/call_sites.h"

#include <execinfo.h>

#include <algorithm>
#include <set>
#include <utility>

#include "socket/engine.h"

namespace estab::socket {
namespace control = stack::control;

// backtrace() unwinds by the tables that every C++ program has (.eh_frame). Frame pointers would be
// some times faster, but a distribution's C library and this library's own release build have
// none, so that the walk would lose the caller whom it is all about.
CallSiteTable::Frames own_stack() {
  std::array<void*, control::kCallFrames> found;
  const int n = ::backtrace(found.data(), static_cast<int>(found.size()));
  CallSiteTable::Frames frames;
  frames.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    frames.push_back(reinterpret_cast<std::uintptr_t>(found[static_cast<std::size_t>(i)]));
  }
  return frames;
}

std::uint32_t CallSiteTable::number_of(const Frames& frames) {
  const auto known = numbers_.find(frames);
  if (known != numbers_.end()) return known->second;
  if (frames.empty() || stacks_.size() == kMostStacks) {
    ++lost_;
    return 0;
  }
  const auto number = static_cast<std::uint32_t>(stacks_.size() + 1);
  stacks_.push_back(&numbers_.emplace(frames, number).first->first);
  return number;
}

void CallSiteTable::note(std::uint64_t handle, std::uint64_t id, AppCall call,
                         const Frames& frames) {
  ids_[handle] = id;
  control::CallSite& site = sites_[id];
  site.connection = id;
  const std::uint32_t number = number_of(frames);
  switch (call) {
    case AppCall::Open:
      site.made = number;
      break;
    case AppCall::ReadEnd:
      site.eof_read = true;
      [[fallthrough]];
    case AppCall::Read:
      site.read = number;
      break;
    case AppCall::Write:
      site.written = number;
      break;
    case AppCall::Shut:  // the first one sent the FIN
      if (site.shut == 0) site.shut = number;
      break;
    case AppCall::Close:
      if (site.closed == 0) site.closed = number;
      break;
  }
}

void CallSiteTable::let_go(std::uint64_t handle) {
  const auto found = ids_.find(handle);
  if (found == ids_.end()) return;
  let_go_.push_back(found->second);
  ids_.erase(found);
  if (let_go_.size() <= kMostLetGo) return;
  sites_.erase(let_go_.front());
  let_go_.pop_front();
}

control::CallSites CallSiteTable::slice(std::uint64_t from, std::uint32_t limit) const {
  const std::size_t most =
      limit == 0 ? control::kCallSiteSlice : std::min<std::size_t>(limit, control::kCallSiteSlice);
  control::CallSites reply;
  reply.lost = lost_;
  std::set<std::uint32_t> named;
  auto at = sites_.lower_bound(from);
  for (; at != sites_.end() && reply.sites.size() < most; ++at) {
    const control::CallSite& site = at->second;
    reply.sites.push_back(site);
    named.insert({site.made, site.read, site.written, site.shut, site.closed});
  }
  if (at != sites_.end()) reply.next = at->first;
  named.erase(0);
  for (const std::uint32_t number : named) reply.stacks.push_back({number, *stacks_[number - 1]});
  return reply;
}

control::CallSites Engine::recorded_calls(std::uint64_t from, std::uint32_t limit) const {
  const bool recording = stack_ && stack_->tuning().record_call_sites != 0;
  control::CallSites reply;
  if (recording && call_sites_) reply = call_sites_->slice(from, limit);
  reply.recording = recording;
  return reply;
}

void Engine::record_call(const Entry& entry, AppCall call) {
  if (stack_->tuning().record_call_sites == 0) return call_sites_.reset();
  const tcp::Connection* connection =
      entry.connection ? stack_->connection(entry.connection) : nullptr;
  if (connection == nullptr) return;
  if (!call_sites_) call_sites_ = std::make_unique<CallSiteTable>();
  call_sites_->note(entry.connection.value, connection->id(), call, own_stack());
}

}  // namespace estab::socket
