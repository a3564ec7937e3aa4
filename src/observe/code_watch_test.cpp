#include "observe/code_watch.h"

#include <gtest/gtest.h>

namespace estab::observe {
namespace {

bpf::Frame frame(const char* function, const char* file, int line, const char* module) {
  return {0x1000, function, file, line, module};
}

TEST(CodeWatch, tells_the_programs_own_frames_down_to_main) {
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

TEST(CodeWatch, says_nothing_of_what_was_not_seen) { EXPECT_EQ(code_text({}), ""); }

}  // namespace
}  // namespace estab::observe
