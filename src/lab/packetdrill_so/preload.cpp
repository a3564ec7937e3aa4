// packetdrill asks getsockopt(2) itself for the tcp_info that a script asserts, and close(2)s what a
// script left open, by the descriptor that the stack gave it. With this file in LD_PRELOAD those
// calls come here first, and the ones for sockets of ours are answered by the stack.
#include <dlfcn.h>

#include "lab/packetdrill_so/session.h"

namespace {

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// The estab descriptor behind it; -1: it is the kernel's.
int ours(int fd) {
  const auto* session = estab::lab::Session::current();
  return session != nullptr ? session->number_behind(fd) : -1;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int name, void* value,
                                                      socklen_t* length) noexcept {
  if (const int e = ours(fd); e >= 0) return estab_getsockopt(e, level, name, value, length);
  static auto* const system = next<int(int, int, int, void*, socklen_t*)>("getsockopt");
  return system(fd, level, name, value, length);
}

__attribute__((visibility("default"))) int close(int fd) {
  if (const int e = ours(fd); e >= 0) {
    (void)estab_close(e);
    estab::lab::Session::current()->forget(fd);
  }
  static auto* const system = next<int(int)>("close");
  return system(fd);
}

}  // extern "C"
