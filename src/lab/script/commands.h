// `commands` of a script: understood, never executed. Those that set a knob of Linux's TCP set the
// stack's; those that prepare a kernel's device or its caches mean nothing here; any other makes the
// script one that cannot be run here.
#pragma once
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "estab/tuning.h"

namespace estab::lab {

struct CommandTarget {
  // The stack's knob by Linux's name; the error names what was expected.
  std::function<tl::expected<void, std::string>(const std::string& name, const std::string& value)>
      set;
  // A counter's value by Linux's name; may be empty.
  std::function<std::uint64_t(const std::string& name)> counter;
};

class Commands {
 public:
  // `folder` is the script's: commands name others relative to it.
  Commands(std::string folder, CommandTarget target)
      : folder_(std::move(folder)), target_(std::move(target)) {}
  void set_target(CommandTarget target) { target_ = std::move(target); }

  // The error says why the script cannot be run here.
  tl::expected<void, std::string> run(const std::string& text);

 private:
  void run_words(const std::vector<std::string>& words, const std::string& output, int depth);
  void run_text(const std::string& text, int depth);
  void run_file(const std::string& path, int depth);
  void set(const std::string& name, const std::string& value);
  void assign(const std::string& word);  // name=value, /proc/sys/net/ipv4/name=value

  std::string folder_;
  CommandTarget target_;
};

}  // namespace estab::lab
