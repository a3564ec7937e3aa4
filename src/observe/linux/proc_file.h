// Files of /proc: short, made when they are read, gone at any moment.
#pragma once
#include <string>
#include <tl/expected.hpp>

namespace estab::observe {

// The whole file; the error is an errno.
tl::expected<std::string, int> read_proc_file(const std::string& path);

}  // namespace estab::observe
