#include "cli/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace estab::cli {
namespace {

volatile std::sig_atomic_t came = 0;

void note(int) { came = 1; }

}  // namespace

void note_interrupts() {
  struct sigaction action {};
  action.sa_handler = note;  // without SA_RESTART: waits end
  for (const int one : {SIGINT, SIGTERM}) ::sigaction(one, &action, nullptr);
}

bool interrupted() { return came != 0; }

}  // namespace estab::cli
