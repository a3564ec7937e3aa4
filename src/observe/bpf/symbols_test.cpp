#include "observe/bpf/symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace estab::observe::bpf {

__attribute__((noinline)) int a_function_to_be_named(int x) { return x + 1; }

namespace {

TEST(Symbols, own_functions_have_names_and_lines) {
  const auto symbols = Symbols::of_process(static_cast<std::uint32_t>(::getpid()));
  if (!symbols) GTEST_SKIP() << symbols.error();
  const Frame frame =
      symbols->at(reinterpret_cast<std::uint64_t>(&a_function_to_be_named) + 1, false);
  EXPECT_EQ(frame.function, "estab::observe::bpf::a_function_to_be_named(int)");
  EXPECT_TRUE(frame.file.ends_with("symbols_test.cpp")) << frame.file;
  EXPECT_GT(frame.line, 0);
}

TEST(Symbols, data_and_nothing_have_no_function) {
  const auto symbols = Symbols::of_process(static_cast<std::uint32_t>(::getpid()));
  if (!symbols) GTEST_SKIP() << symbols.error();
  static int variable = 0;
  EXPECT_EQ(symbols->at(reinterpret_cast<std::uint64_t>(&variable), false).function, "");
  EXPECT_EQ(symbols->at(1, false).module, "");
}

TEST(Symbols, a_process_that_is_none_is_an_error) {
  EXPECT_FALSE(Symbols::of_process(0x7ffffffe).has_value());
}

}  // namespace
}  // namespace estab::observe::bpf
