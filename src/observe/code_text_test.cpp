#include "observe/code_text.h"

#include <gtest/gtest.h>

namespace estab::observe {
namespace {

bpf::Frame frame(const char* function, const char* file, int line, const char* module) {
  return {0x1000, function, file, line, module};
}

TEST(CodeText, tells_the_programs_own_frames_down_to_main) {
  bpf::SocketCalls calls;
  calls.made_by = {frame("accept4", "", 0, "/lib/x86_64-linux-gnu/libc.so.6"),
                   frame("take_one()", "leaky.cpp", 12, "/srv/leaky"),
                   frame("main", "leaky.cpp", 40, "/srv/leaky"),
                   frame("_start", "", 0, "/srv/leaky")};
  const std::string take = bpf::frame_text(calls.made_by[1]);
  const std::string top = bpf::frame_text(calls.made_by[2]);
  EXPECT_EQ(code_text(calls), take + ", called by " + top + "; never read");
  calls.read_by = {calls.made_by[2]};
  EXPECT_EQ(code_text(calls),
            take + ", called by " + top + "; last read by " + top + ", the end not yet read");
  calls.eof_seen = true;
  EXPECT_TRUE(code_text(calls).ends_with(", which saw the end"));
}

TEST(CodeText, leaves_out_our_own_library_below_a_call_and_below_a_callback) {
  const char* program = "/srv/leaky";
  bpf::SocketCalls calls;
  calls.made_by = {frame("backtrace", "", 0, program),  // a sanitizer's
                   frame("estab::socket::own_stack()", "call_sites.cpp", 1, program),
                   frame("estab::socket::Engine::accept(Handle, bool)", "", 0, program),
                   frame("estab_accept", "", 0, program),
                   frame("take_one()", "leaky.cpp", 12, program),
                   frame("std::function<void ()>::operator()() const", "", 0, program),
                   frame("on_ready()", "leaky.cpp", 20, program),
                   frame("estab::socket::Driver::run()", "", 0, program),
                   frame("main", "leaky.cpp", 40, program)};
  EXPECT_EQ(code_text(calls),
            "take_one() leaky.cpp:12, called by on_ready() leaky.cpp:20; never read");
}

TEST(CodeText, addresses_without_names_are_told_further_down) {
  std::vector<bpf::Frame> stack(5, frame("", "", 0, "/srv/stripped"));
  stack.push_back(frame("main", "leaky.cpp", 40, "/srv/leaky"));
  EXPECT_EQ(own_frames(stack, 3).size(), 6U);
  stack.insert(stack.begin(), 40, stack.front());
  EXPECT_EQ(own_frames(stack, 3).size(), 8U);
}

TEST(CodeText, tells_the_last_write_where_that_is_another_place) {
  bpf::SocketCalls calls;
  calls.read_by = {frame("pump()", "leaky.cpp", 12, "/srv/leaky")};
  calls.written_by = calls.read_by;
  const std::string pump = bpf::frame_text(calls.read_by[0]);
  EXPECT_EQ(code_text(calls, "made earlier"),
            "made earlier; last read by " + pump + ", the end not yet read");
  calls.written_by[0].line = 13;
  EXPECT_TRUE(code_text(calls, "made earlier").ends_with("; last written by pump() leaky.cpp:13"));
}

TEST(CodeText, says_nothing_of_what_was_not_seen) { EXPECT_EQ(code_text({}), ""); }

}  // namespace
}  // namespace estab::observe
