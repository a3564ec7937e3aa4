// The functions of an application's calls, in words: what a finding and `estab trace --stacks` say.
#pragma once
#include <string>
#include <vector>

#include "observe/bpf/stacks.h"

namespace estab::observe {

// The innermost `most` frames that are the program's own, down to main(): not the C library's, nor
// this library's below a call of the sockets, nor the standard library's. Those without a name are
// not counted, to a bound.
std::vector<bpf::Frame> own_frames(const std::vector<bpf::Frame>& frames, std::size_t most);

// The same as lines for people, up to a dozen.
std::vector<std::string> function_lines(const std::vector<bpf::Frame>& frames);

// One line for a finding; "" when nothing was seen. `made_text` where the maker is not known.
std::string code_text(const bpf::SocketCalls& calls, const std::string& made_text = "");

}  // namespace estab::observe
