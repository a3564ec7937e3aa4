#include "observe/connection.h"

namespace estab::observe {

bool unaccepted(const Connection& c) {
  return c.source == Source::Linux && c.inode == 0 &&
         (c.state == State::Established || c.state == State::CloseWait);
}

bool has_owner(const Connection& c) {
  return !c.orphan && c.state != State::TimeWait && c.state != State::SynReceived && !unaccepted(c);
}

const tcp::LinuxTcpInfo* info_of(const Connection& c) {
  return c.detail && c.detail->info ? &*c.detail->info : nullptr;
}

}  // namespace estab::observe
