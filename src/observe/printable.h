// What came from outside, such that a terminal obeys nothing in it: command names, stack names.
#pragma once
#include <string>
#include <string_view>

namespace estab::observe {

// Control characters, DEL, the C1 controls and what is no UTF-8 become \xNN; the rest stays, a
// backslash too.
std::string printable(std::string_view text);

}  // namespace estab::observe
