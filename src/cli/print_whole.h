// Standard output in one piece.
#pragma once
#include <string>

namespace estab::cli {

// One write for all of it, however much, after what stdio still holds. False: the reader of a pipe
// is gone.
bool print_whole(const std::string& text);

}  // namespace estab::cli
