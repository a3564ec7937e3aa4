#include "dev/pcap_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dev/namespace_test_support.h"

namespace estab::dev {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PcapWriter : public ::testing::Test {
 public:
  PcapWriter() : path_(::testing::TempDir() + "estab_" + std::to_string(::getpid()) + ".pcapng") {}
  ~PcapWriter() override { std::filesystem::remove(path_); }

 protected:
  std::vector<std::uint8_t> content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const std::string path_;
};

struct Block {
  std::uint32_t type;
  std::vector<std::uint8_t> body;
};

std::uint32_t word(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  std::uint32_t w;
  std::memcpy(&w, bytes.data() + at, sizeof(w));
  return w;
}

// The file's blocks, checked for their two lengths; fails the test when anything is left over.
std::vector<Block> walk(const std::vector<std::uint8_t>& file) {
  std::vector<Block> blocks;
  std::size_t at = 0;
  while (at + 12 <= file.size()) {
    const std::uint32_t length = word(file, at + 4);
    if (length < 12 || length % 4 != 0 || at + length > file.size()) break;
    EXPECT_EQ(word(file, at + length - 4), length);
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at);
    blocks.push_back({word(file, at), {begin + 8, begin + static_cast<int>(length) - 4}});
    at += length;
  }
  EXPECT_EQ(at, file.size());
  return blocks;
}

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kPacket = 6;

// The smallest IPv4 packet that tcpdump names: an echo request.
std::vector<std::uint8_t> echo_request() {
  return {0x45, 0, 0,  28, 0, 1, 0x40, 0, 64,   1,    0, 0, 10, 0,
          0,    1, 10, 0,  0, 2, 8,    0, 0xf7, 0xfd, 0, 1, 0,  1};
}

TEST_F(PcapWriter, both_directions_are_in_the_file_with_their_time) {
  auto [left, right] = memory_pair();
  auto captured = with_pcap(std::move(left), path_, 1'000s);
  ASSERT_TRUE(captured) << captured.error();
  const auto packet = echo_request();
  const auto out = testing::outgoing(Bytes(packet).first(20), Bytes(packet).subspan(20));
  (*captured)->send(Instant{2s}, {&out, 1});
  const auto reply = testing::outgoing(packet);
  right->send(Instant{3s}, {&reply, 1});
  std::vector<ReceivedFrame> in;
  (*captured)->receive(Instant{3s}, 8, in);
  ASSERT_EQ(in.size(), 1u);

  const auto blocks = walk(content());  // the device still has the file open
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_EQ(blocks[0].type, kSection);
  EXPECT_EQ(blocks[1].type, kInterface);
  EXPECT_EQ(blocks[1].body[0], 101);  // LINKTYPE_RAW
  const std::uint64_t times[] = {1'002'000'000'000, 1'003'000'000'000};
  const std::uint32_t directions[] = {2, 1};  // epb_flags: outbound, inbound
  for (std::size_t i : {0u, 1u}) {
    const Block& block = blocks[2 + i];
    EXPECT_EQ(block.type, kPacket);
    EXPECT_EQ(word(block.body, 0), 0u);
    EXPECT_EQ(word(block.body, 20 + packet.size()), 4u << 16 | 2u);  // option 2 of 4 bytes
    EXPECT_EQ(word(block.body, 20 + packet.size() + 4), directions[i]);
    EXPECT_EQ(std::uint64_t{word(block.body, 4)} << 32 | word(block.body, 8), times[i]);
    ASSERT_EQ(word(block.body, 12), packet.size());
    EXPECT_EQ(word(block.body, 16), packet.size());
    EXPECT_TRUE(std::equal(packet.begin(), packet.end(), block.body.begin() + 20));
  }
}

TEST_F(PcapWriter, ethernet_devices_get_their_link_type) {
  MemoryPairOptions options;
  options.link = LinkKind::kEthernet;
  auto captured = with_pcap(memory_pair(options).first, path_, 0s);
  ASSERT_TRUE(captured) << captured.error();
  EXPECT_EQ(walk(content())[1].body[0], 1);
}

TEST_F(PcapWriter, what_the_device_did_not_take_is_not_captured) {
  class Full : public Device {
   public:
    std::string name() const override { return "full"; }
    LinkKind link() const override { return LinkKind::kIp; }
    std::size_t mtu() const override { return 1500; }
    void receive(Instant, std::size_t, std::vector<ReceivedFrame>&) override {}
    std::size_t send(Instant, std::span<const OutgoingFrame>) override { return 1; }
  };
  auto captured = with_pcap(std::make_unique<Full>(), path_, 0s);
  ASSERT_TRUE(captured) << captured.error();
  const auto packet = echo_request();
  const std::array frames{testing::outgoing(packet), testing::outgoing(packet)};
  EXPECT_EQ((*captured)->send(Instant{}, frames), 1u);
  EXPECT_EQ(walk(content()).size(), 3u);
}

TEST_F(PcapWriter, tcpdump_reads_it) {
  if (std::system("tcpdump --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no tcpdump here";
  auto captured = with_pcap(memory_pair().first, path_, 0s);
  ASSERT_TRUE(captured) << captured.error();
  const auto out = testing::outgoing(echo_request());
  (*captured)->send(Instant{2s}, {&out, 1});
  const std::string command = "tcpdump -ttnr " + path_ + " 2>&1";
  FILE* tcpdump = ::popen(command.c_str(), "r");
  ASSERT_NE(tcpdump, nullptr);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), tcpdump));
  ::pclose(tcpdump);
  EXPECT_THAT(text, HasSubstr("2.000000 IP 10.0.0.1 > 10.0.0.2: ICMP echo request"));
}

TEST_F(PcapWriter, a_path_that_cannot_be_written_is_one_line) {
  const auto nowhere = with_pcap(memory_pair().first, "/nowhere/at/all.pcapng");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error(), HasSubstr("/nowhere/at/all.pcapng: No such file"));
  EXPECT_EQ(nowhere.error().find('\n'), std::string::npos);
  const auto full = with_pcap(memory_pair().first, "/dev/full");
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error(), HasSubstr("No space left"));
}

}  // namespace
}  // namespace estab::dev
