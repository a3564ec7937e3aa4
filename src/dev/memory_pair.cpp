#include "dev/memory_pair.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>

#include "dev/file_descriptor.h"
#include "dev/segmentation.h"

namespace estab::dev {
namespace {

constexpr std::size_t kEthernetHeader = 14;

// Frames on their way in one direction.
class FrameQueue {
 public:
  explicit FrameQueue(std::size_t limit) : limit_(limit) {}
  bool push(ReceivedFrame frame) {
    if (frames_.size() >= limit_) return false;
    frames_.push_back(std::move(frame));
    return true;
  }
  void pop(std::size_t limit, std::vector<ReceivedFrame>& to) {
    for (; limit > 0 && !frames_.empty(); --limit) {
      to.push_back(std::move(frames_.front()));
      frames_.pop_front();
    }
  }
  bool empty() const { return frames_.empty(); }
  int fd() const { return -1; }

 private:
  std::size_t limit_;
  std::deque<ReceivedFrame> frames_;
};

// The same between threads. The eventfd is readable exactly while there are frames.
class SharedFrameQueue {
 public:
  explicit SharedFrameQueue(std::size_t limit)
      : queue_(limit), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  bool push(ReceivedFrame frame) {
    const std::lock_guard lock(mutex_);
    const bool first = queue_.empty();
    const bool taken = queue_.push(std::move(frame));
    if (taken && first) ::eventfd_write(event_.get(), 1);
    return taken;
  }
  void pop(std::size_t limit, std::vector<ReceivedFrame>& to) {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return;
    queue_.pop(limit, to);
    eventfd_t count;
    if (queue_.empty()) ::eventfd_read(event_.get(), &count);
  }
  int fd() const { return event_.get(); }

 private:
  std::mutex mutex_;
  FrameQueue queue_;
  FileDescriptor event_;
};

template <class Queue>
class MemoryDevice : public Device {
 public:
  MemoryDevice(const MemoryPairOptions& options, std::size_t end, std::shared_ptr<Queue> in,
               std::shared_ptr<Queue> out)
      : name_(options.names[end]),
        link_(options.link),
        mtu_(options.mtu),
        mac_(options.macs[end]),
        offloads_(options.offloads),
        in_(std::move(in)),
        out_(std::move(out)) {}

  std::string name() const override { return name_; }
  LinkKind link() const override { return link_; }
  std::size_t mtu() const override { return mtu_; }
  MacAddress mac() const override { return mac_; }
  Offloads offloads() const override {
    return offloads_ ? Offloads{.checksum = true, .segments = kLargestPacket} : Offloads{};
  }
  void stop_offloads() override { offloads_ = false; }
  void receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& in) override {
    in_->pop(limit, in);
  }
  std::size_t send(Instant, std::span<const OutgoingFrame> out) override {
    const std::size_t link = link_ == LinkKind::kEthernet ? kEthernetHeader : 0;
    for (const OutgoingFrame& frame : out) {
      const std::size_t largest = link + (frame.segment_size == 0 ? mtu_ : kLargestPacket);
      if (frame.size() > largest ||
          !out_->push({frame.flatten(), frame.checksum_left(), frame.segment_size})) {
        ++dropped_;
      }
    }
    return out.size();
  }
  int poll_fd() const override { return in_->fd(); }
  std::uint64_t dropped() const override { return dropped_; }

 private:
  std::string name_;
  LinkKind link_;
  std::size_t mtu_;
  MacAddress mac_;
  bool offloads_;
  std::shared_ptr<Queue> in_;
  std::shared_ptr<Queue> out_;
  std::uint64_t dropped_ = 0;
};

template <class Queue>
DevicePair connect(const MemoryPairOptions& options, std::shared_ptr<Queue> to_left,
                   std::shared_ptr<Queue> to_right) {
  return {std::make_unique<MemoryDevice<Queue>>(options, 0, to_left, to_right),
          std::make_unique<MemoryDevice<Queue>>(options, 1, to_right, to_left)};
}

}  // namespace

DevicePair memory_pair(const MemoryPairOptions& options) {
  return connect(options, std::make_shared<FrameQueue>(options.queue_limit),
                 std::make_shared<FrameQueue>(options.queue_limit));
}

tl::expected<DevicePair, std::string> memory_pair_threaded(const MemoryPairOptions& options) {
  auto to_left = std::make_shared<SharedFrameQueue>(options.queue_limit);
  auto to_right = std::make_shared<SharedFrameQueue>(options.queue_limit);
  if (to_left->fd() < 0 || to_right->fd() < 0) {
    return tl::unexpected(fmt::format(
        "cannot make an eventfd for a memory pair: {}: raise `ulimit -n`", std::strerror(errno)));
  }
  return connect(options, std::move(to_left), std::move(to_right));
}

}  // namespace estab::dev
