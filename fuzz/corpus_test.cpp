// Every input that a fuzzer ever found interesting, and all the small ones near it, without a
// fuzzer. Under the asan preset this is the proof that no parser reads past its bytes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "targets.h"

namespace estab::fuzz {
namespace {

using Target = void (*)(Bytes);

struct Corpus {
  const char* folder;
  Target target;
};
constexpr Corpus kCorpora[] = {{"frame", frame}, {"ip", ip}, {"tcp_options", tcp_options}};

std::vector<std::vector<std::uint8_t>> inputs(const char* folder) {
  std::vector<std::vector<std::uint8_t>> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(ESTAB_CORPUS) / folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    found.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return found;
}

TEST(Corpus, each_input_keeps_the_promises) {
  for (const Corpus& corpus : kCorpora) {
    const auto all = inputs(corpus.folder);
    EXPECT_FALSE(all.empty()) << corpus.folder;
    for (const auto& input : all) corpus.target(input);
  }
}

// proves: MUST-7
TEST(Corpus, each_input_cut_at_each_byte) {
  for (const Corpus& corpus : kCorpora) {
    for (const auto& input : inputs(corpus.folder)) {
      for (std::size_t size = 0; size < input.size(); ++size) {
        corpus.target(Bytes(input).first(size));
      }
    }
  }
}

// Each bit turned, the neighbours and the ends.
std::vector<unsigned> values_near(unsigned value) {
  std::vector<unsigned> values{0, 255, value + 1, value - 1};
  for (unsigned bit = 0; bit < 8; ++bit) values.push_back(value ^ 1u << bit);
  return values;
}

// Headers are what steers a parser: behind the first 160 bytes lies payload.
TEST(Corpus, each_input_with_each_byte_changed) {
  constexpr std::size_t kHeaders = 160;
  for (const Corpus& corpus : kCorpora) {
    for (auto input : inputs(corpus.folder)) {
      for (std::size_t i = 0; i < std::min(input.size(), kHeaders); ++i) {
        const std::uint8_t old = input[i];
        for (const unsigned value : values_near(old)) {
          input[i] = static_cast<std::uint8_t>(value);
          corpus.target(input);
        }
        input[i] = old;
      }
    }
  }
}

// AMNESIA:33: all kinds and lengths of a first option, at every size of the options' room.
// proves: MUST-7
TEST(TcpOptions, each_two_byte_prefix_at_each_length) {
  for (std::size_t size = 0; size <= 40; ++size) {
    for (unsigned kind = 0; kind < 256; ++kind) {
      for (unsigned length = 0; length < 256; ++length) {
        std::vector<std::uint8_t> input(1 + size, 0xff);  // what follows is illegal, unless cut off
        input[0] = static_cast<std::uint8_t>(kind & 1);
        if (size > 0) input[1] = static_cast<std::uint8_t>(kind);
        if (size > 1) input[2] = static_cast<std::uint8_t>(length);
        tcp_options(input);
        std::fill(input.begin() + std::min<std::ptrdiff_t>(3, std::ssize(input)), input.end(), 1);
        tcp_options(input);  // and legal: no-operations
      }
    }
  }
}

}  // namespace
}  // namespace estab::fuzz
