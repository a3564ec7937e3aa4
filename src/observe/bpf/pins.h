// The folder below /sys/fs/bpf that readers of time and owners look into (state_clock.h).
#pragma once
#include <bpf/libbpf.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace estab::observe::bpf {

inline constexpr const char* kPinRoot = "/sys/fs/bpf/estab";
inline constexpr const char* kKept = "kept";  // left behind by --keep; others are processes'

// "PID", in a process namespace of its own "PID-NAMESPACE" (its inode): bpffs may be shared.
std::string own_pins();

// A folder of pins. Mounts bpffs where it is missing and may be mounted.
class PinFolder {
 public:
  // Makes it, empty: what was there goes. The error is one line.
  static tl::expected<PinFolder, std::string> make(const std::string& name);
  PinFolder(PinFolder&& other) noexcept;
  PinFolder& operator=(PinFolder&& other) noexcept;
  ~PinFolder();

  tl::expected<void, std::string> pin(bpf_link* link, const std::string& name) const;
  void leave() { path_.clear(); }  // it stays when this object goes

 private:
  explicit PinFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Removes the folder of this name and what it holds.
void remove_pins(const std::string& name);
// Removes the folders of processes of this process namespace that are no more.
void remove_dead_pins();

}  // namespace estab::observe::bpf
