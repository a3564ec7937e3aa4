#include "observe/bpf/symbols.h"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <cstdlib>
#include <unordered_map>

namespace estab::observe::bpf {
namespace {

struct EndDwfl {
  void operator()(Dwfl* d) const { dwfl_end(d); }
};

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return out;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

struct Symbols::Impl {
  Dwfl_Callbacks callbacks{};
  char* debug_path = nullptr;  // the default
  std::unique_ptr<Dwfl, EndDwfl> dwfl;
  // A leak has thousands of sockets and one or two places. By address, the call before it.
  std::unordered_map<std::uint64_t, Frame> known;

  Frame look_up(std::uint64_t address, bool is_return) const;
};

Symbols::Symbols(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Symbols::Symbols(Symbols&&) noexcept = default;
Symbols& Symbols::operator=(Symbols&&) noexcept = default;
Symbols::~Symbols() = default;

tl::expected<Symbols, std::string> Symbols::of_process(std::uint32_t pid) {
  auto impl = std::make_unique<Impl>();
  impl->callbacks.find_elf = dwfl_linux_proc_find_elf;
  impl->callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
  impl->callbacks.debuginfo_path = &impl->debug_path;
  impl->dwfl.reset(dwfl_begin(&impl->callbacks));
  if (impl->dwfl == nullptr) return tl::unexpected(std::string("libdw does not start"));
  const int failed = dwfl_linux_proc_report(impl->dwfl.get(), static_cast<pid_t>(pid));
  if (failed != 0 || dwfl_report_end(impl->dwfl.get(), nullptr, nullptr) != 0) {
    return tl::unexpected(fmt::format(
        "process {} has ended, or its memory map may not be read: its functions have no names",
        pid));
  }
  return Symbols(std::move(impl));
}

Frame Symbols::at(std::uint64_t address, bool is_return) const {
  constexpr std::size_t kMostKnown = 65536;
  if (!is_return) return impl_->look_up(address, false);
  const auto known = impl_->known.find(address);
  if (known != impl_->known.end()) return known->second;
  if (impl_->known.size() == kMostKnown) impl_->known.clear();
  return impl_->known[address] = impl_->look_up(address, true);
}

Frame Symbols::Impl::look_up(std::uint64_t address, bool is_return) const {
  Frame frame;
  frame.address = address;
  const Dwarf_Addr inside = is_return ? address - 1 : address;
  Dwfl_Module* module = dwfl_addrmodule(dwfl.get(), inside);
  if (module == nullptr) return frame;
  const char* name =
      dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (name != nullptr) frame.module = name;
  GElf_Off offset = 0;
  GElf_Sym symbol{};
  const char* function =
      dwfl_module_addrinfo(module, inside, &offset, &symbol, nullptr, nullptr, nullptr);
  const int type = GELF_ST_TYPE(symbol.st_info);
  if (function != nullptr && (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE)) {
    frame.function = demangled(function);
  }
  if (Dwfl_Line* line = dwfl_module_getsrc(module, inside)) {
    const char* file = dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr);
    if (file != nullptr) frame.file = file;
  }
  return frame;
}

std::string frame_text(const Frame& frame) {
  if (frame.function.empty()) {
    const std::string where = frame.module.empty() ? "no file" : last_part(frame.module);
    return fmt::format("{:#x} ({})", frame.address, where);
  }
  if (!frame.file.empty()) {
    return fmt::format("{} {}:{}", frame.function, last_part(frame.file), frame.line);
  }
  return fmt::format("{} ({})", frame.function, last_part(frame.module));
}

}  // namespace estab::observe::bpf
