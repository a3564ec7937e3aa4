// The options of each verb that runs a stack, and the stack made of them.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "estab/stack.h"

namespace estab::cli {

struct StackFlags {
  std::string device = "tun:estab0";
  std::vector<std::string> addresses;
  std::vector<std::string> host_addresses;
  std::vector<std::string> routes;
  std::vector<std::string> tune;
  std::string gateway;
  std::string mac;
  std::string tuning_file;
  std::string pcap;
  std::string faults;
  std::string state_file;
  std::string name;
  std::size_t mtu = 0;
  bool trace = false;

  void add_to(CLI::App& verb);
};

// A stack with its device attached. Throws
// Failure and WrongUse (command.h). `verb` is for its notices and the stack's default name.
Stack open_stack(const StackFlags& flags, const std::string& verb);

// Calls `stop` at the first SIGINT or SIGTERM, and ends the process at the second. Blocks these
// signals for the process and ignores SIGPIPE.
class SignalWatch {
 public:
  SignalWatch(Stack& stack, std::function<void()> stop);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  Stack& stack_;
  int fd_ = -1;
  bool asked_ = false;
};

// Each of `items`, "NAME=VALUE", into `tuning`. Throws WrongUse.
void tune(Tuning& tuning, const std::vector<std::string>& items);

// Drives the stack until no connection has anything left to say (TIME-WAIT and listeners do not
// count) or `patience` is over.
void drain(Stack& stack, const StackFlags& flags, Duration patience);

}  // namespace estab::cli
