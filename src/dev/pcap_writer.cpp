#include "dev/pcap_writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "dev/decorator.h"
#include "dev/file_descriptor.h"
#include "wire/pcapng.h"

namespace estab::dev {
namespace {

class PcapWriter : public Decorator {
 public:
  PcapWriter(std::unique_ptr<Device> wrapped, FileDescriptor file, Duration clock_offset)
      : Decorator(std::move(wrapped)), file_(std::move(file)), clock_offset_(clock_offset) {}

  // The section and the interface. False with errno when they could not be written.
  bool begin() {
    const auto link = link_type();
    wire::pcapng_section(blocks_, {.application = "estab", .os = "Linux", .comment = {}});
    const std::string title = name();
    wire::pcapng_interface(blocks_, {.link = link, .name = title});
    return flush();
  }

  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override {
    const std::size_t before = in.size();
    inner().receive(now, limit, in);
    for (std::size_t i = before; i < in.size(); ++i) {
      const std::array pieces{in[i].bytes.bytes()};
      record(now, wire::PcapngDirection::kInbound, pieces);
    }
    flush();
  }

  // Only what the device inside took was sent.
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override {
    const std::size_t taken = inner().send(now, out);
    std::vector<Bytes> pieces;
    for (const OutgoingFrame& frame : out.first(taken)) {
      pieces.assign({frame.head()});
      for (const Slice& s : frame.payload()) pieces.push_back(s.bytes());
      record(now, wire::PcapngDirection::kOutbound, pieces);
    }
    flush();
    return taken;
  }

 private:
  wire::PcapngLink link_type() const {
    return link() == LinkKind::kIp ? wire::PcapngLink::kRaw : wire::PcapngLink::kEthernet;
  }

  void record(Instant now, wire::PcapngDirection direction, std::span<const Bytes> pieces) {
    if (!file_) return;
    std::size_t length = 0;
    for (const Bytes& piece : pieces) length += piece.size();
    const auto when = (now + clock_offset_).time_since_epoch().count();
    wire::pcapng_packet(blocks_,
                        {.interface = 0,
                         .timestamp = static_cast<std::uint64_t>(when),
                         .original_length = static_cast<std::uint32_t>(length),
                         .comment = {},
                         .direction = direction},
                        pieces);
  }

  // Whole blocks, or the file as it was: a reader stops at a torn one.
  bool flush() {
    std::size_t done = 0;
    while (file_ && done < blocks_.size()) {
      const ssize_t put = ::write(file_.get(), blocks_.data() + done, blocks_.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        const int error = errno;
        [[maybe_unused]] const int cut = ::ftruncate(file_.get(), static_cast<off_t>(written_));
        file_ = FileDescriptor();
        errno = error;
        return false;
      }
      done += static_cast<std::size_t>(put);
    }
    written_ += blocks_.size();
    blocks_.clear();
    return true;
  }

  FileDescriptor file_;
  Duration clock_offset_;
  std::vector<std::uint8_t> blocks_;
  std::uint64_t written_ = 0;
};

}  // namespace

Opened with_pcap(std::unique_ptr<Device> inner, const std::string& path, Duration clock_offset) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) {
    return tl::unexpected(
        fmt::format("cannot write the capture {}: {}: give a path in a folder that "
                    "exists and that you may write",
                    path, std::strerror(errno)));
  }
  auto writer = std::make_unique<PcapWriter>(std::move(inner), std::move(file), clock_offset);
  if (!writer->begin()) {
    return tl::unexpected(
        fmt::format("cannot write the capture {}: {}", path, std::strerror(errno)));
  }
  return writer;
}

}  // namespace estab::dev
