// How a call fails: estab::Result<T> holds a value or a std::error_code of the generic category,
// whose values are errno's own, so that the C face can hand them on unchanged.
#pragma once
#include <cerrno>
#include <system_error>
#include <tl/expected.hpp>

namespace estab {

template <class T>
using Result = tl::expected<T, std::error_code>;

// `return fail(EADDRINUSE);` in any function that returns a Result.
inline tl::unexpected<std::error_code> fail(int errno_value) {
  return tl::unexpected(std::error_code(errno_value, std::generic_category()));
}

}  // namespace estab
