#include "observe/bpf/pins.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "observe/bpf/object.h"
#include "observe/bpf/state_clock.h"
#include "observe/linux/namespaces.h"

namespace estab::observe::bpf {
namespace {

constexpr const char* kBpffs = "/sys/fs/bpf";
constexpr long kBpffsMagic = 0xcafe4a11;

bool is_bpffs() {
  struct statfs status {};
  return ::statfs(kBpffs, &status) == 0 && static_cast<long>(status.f_type) == kBpffsMagic;
}

bool have_bpffs() {
  return is_bpffs() ||
         ::mount("bpf", kBpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") == 0;
}

void remove_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

std::string own_pins() {
  const std::uint32_t processes = own_process_namespace();
  return std::to_string(::getpid()) + (processes == 0 ? "" : "-" + std::to_string(processes));
}

void remove_pins(const std::string& name) { remove_folder(std::filesystem::path(kPinRoot) / name); }

void remove_dead_pins() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kPinRoot, error)) {
    const std::string name = entry.path().filename();
    if (name != kKept && tracer_has_ended(name)) remove_folder(entry.path());
  }
}

tl::expected<PinFolder, std::string> PinFolder::make(const std::string& name) {
  if (!have_bpffs()) return tl::unexpected(refusal(errno, "mount bpffs on /sys/fs/bpf"));
  ::mkdir(kPinRoot, 0755);
  remove_dead_pins();
  remove_pins(name);
  const std::string path = std::string(kPinRoot) + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0) return tl::unexpected(refusal(errno, "make " + path));
  return PinFolder(path);
}

PinFolder::PinFolder(PinFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
PinFolder& PinFolder::operator=(PinFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}
PinFolder::~PinFolder() {
  if (!path_.empty()) remove_folder(path_);
}

tl::expected<void, std::string> PinFolder::pin(bpf_link* link, const std::string& name) const {
  const std::string at = path_ + "/" + name;
  const int error = bpf_link__pin(link, at.c_str());
  if (error != 0) return tl::unexpected(refusal(error, "pin " + at));
  ::chmod(at.c_str(), 0400);
  return {};
}

}  // namespace estab::observe::bpf
