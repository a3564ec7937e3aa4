#include "observe/code_text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace estab::observe {
namespace {

constexpr std::size_t kFramesTold = 3;

bool begins_with_one_of(std::string_view text, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view one) { return text.starts_with(one); });
}

std::string file_of(const bpf::Frame& frame) {
  return frame.module.substr(frame.module.rfind('/') + 1);
}

// The C library's wrappers are no news, nor is what a sanitizer puts around them.
bool of_c_library(const bpf::Frame& frame) {
  return begins_with_one_of(file_of(frame),
                            {"libc.so", "libc-", "libpthread", "ld-linux", "libasan"});
}

bool of_the_sockets(const bpf::Frame& frame) {
  return file_of(frame).starts_with("libestab.") ||
         begins_with_one_of(frame.function,
                            {"estab::socket::", "estab::Socket::", "estab::SocketBase::",
                             "estab::Listener::", "estab::ConnectionPool::", "estab::Stack::"}) ||
         (frame.function.starts_with("estab_") && frame.function.find(' ') == std::string::npos);
}

// Their demangled names begin with what they return.
bool of_the_standard_library(const bpf::Frame& frame) {
  return frame.function.starts_with("std::") ||
         frame.function.find(" std::__invoke") != std::string::npos;
}

// Behind the socket call itself, where the stack is one that our own library recorded.
std::size_t behind_the_call(const std::vector<bpf::Frame>& frames) {
  constexpr std::size_t kInterceptors = 3;
  std::size_t at = 0;
  while (at < frames.size() && at < kInterceptors && !of_the_sockets(frames[at])) ++at;
  if (at == frames.size() || !of_the_sockets(frames[at])) return 0;
  while (at < frames.size() && of_the_sockets(frames[at])) ++at;
  return at;
}

std::string stack_text(const std::vector<bpf::Frame>& frames) {
  std::string text;
  for (const bpf::Frame& frame : own_frames(frames, kFramesTold)) {
    if (!text.empty()) text += ", called by ";
    text += bpf::frame_text(frame);
  }
  return text;
}

}  // namespace

std::vector<bpf::Frame> own_frames(const std::vector<bpf::Frame>& frames, std::size_t most) {
  constexpr std::size_t kMostUnnamed = 8;  // those of our own library cannot be told from others
  std::vector<bpf::Frame> own;
  std::size_t named = 0, unnamed = 0;
  for (std::size_t i = behind_the_call(frames); i < frames.size(); ++i) {
    const bpf::Frame& frame = frames[i];
    if (of_the_sockets(frame)) break;  // a callback: below it lies the stack's own loop
    if (of_c_library(frame) || of_the_standard_library(frame)) continue;
    own.push_back(frame);
    ++(frame.function.empty() ? unnamed : named);
    if (frame.function == "main" || named == most || unnamed == kMostUnnamed) break;
  }
  return own;
}

std::vector<std::string> function_lines(const std::vector<bpf::Frame>& frames) {
  constexpr std::size_t kMostLines = 12;
  std::vector<std::string> lines;
  for (const bpf::Frame& frame : own_frames(frames, kMostLines)) {
    lines.push_back(bpf::frame_text(frame));
  }
  return lines;
}

std::string code_text(const bpf::SocketCalls& calls, const std::string& made_text) {
  std::string text = stack_text(calls.made_by);
  if (text.empty()) text = made_text;
  if (text.empty()) return "";
  const std::string read = stack_text(calls.read_by);
  text += read.empty() ? "; never read" : "; last read by " + read;
  if (!read.empty()) text += calls.eof_seen ? ", which saw the end" : ", the end not yet read";
  const std::string written = stack_text(calls.written_by);
  if (!written.empty() && written != read) text += "; last written by " + written;
  return text;
}

}  // namespace estab::observe
