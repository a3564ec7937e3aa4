#include "observe/linux/proc_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <thread>

namespace estab::observe {
namespace {

// The kernel's struct linux_dirent64.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

class Directory {
 public:
  explicit Directory(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  // Calls visit(name, number) for each entry that is a number, until it says false.
  template <class Visit>
  void each_number(std::vector<char>& room, const Visit& visit) const {
    if (fd_ < 0) return;
    for (;;) {
      const long n = ::syscall(SYS_getdents64, fd_, room.data(), room.size());
      if (n <= 0) return;
      for (long at = 0; at < n;) {
        const auto* entry = reinterpret_cast<const Entry*>(room.data() + at);
        const char* name = room.data() + at + offsetof(Entry, name);
        at += entry->length;
        std::uint32_t number = 0;
        const auto end = name + std::strlen(name);
        if (std::from_chars(name, end, number).ptr != end) continue;
        if (!visit(name, number)) return;
      }
    }
  }

 private:
  int fd_;
};

constexpr std::size_t kRoom = 256 * 1024;

// "socket:[4711]"; 0: something else.
std::uint32_t socket_inode(const char* link, ssize_t length) {
  constexpr std::string_view kPrefix = "socket:[";
  const std::string_view text(link, length > 0 ? static_cast<std::size_t>(length) : 0);
  if (!text.starts_with(kPrefix)) return 0;
  std::uint32_t inode = 0;
  std::from_chars(text.data() + kPrefix.size(), text.data() + text.size(), inode);
  return inode;
}

std::string command_of(std::uint32_t id) {
  const std::string path = "/proc/" + std::to_string(id) + "/comm";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char room[64];
  const ssize_t n = ::read(fd, room, sizeof room);
  ::close(fd);
  std::string command(room, n > 0 ? static_cast<std::size_t>(n) : 0);
  if (!command.empty() && command.back() == '\n') command.pop_back();
  return command;
}

void add_process(ProcScan& scan, std::uint32_t pid, std::uint32_t tid) {
  ScannedProcess process;
  process.pid = pid;
  process.tid = tid;
  struct stat status {};
  const std::string path = "/proc/" + std::to_string(tid) + "/fd";
  if (::stat(path.c_str(), &status) == 0) {
    process.descriptors = static_cast<std::uint64_t>(status.st_size);  // since Linux 6.2
  }
  scan.processes.push_back(std::move(process));
}

// Shared by the threads of one scan.
struct Progress {
  const InodeTable& wanted;
  std::atomic<std::size_t> next{0};
};

void scan_process(ScannedProcess& process, std::uint32_t index, Progress& progress,
                  std::vector<char>& room, std::vector<HeldSocket>& held) {
  const Directory directory("/proc/" + std::to_string(process.tid) + "/fd");
  process.readable = directory.fd() >= 0;
  const std::size_t before = held.size();
  directory.each_number(room, [&](const char* name, std::uint32_t fd) {
    char link[64];
    const ssize_t length = ::readlinkat(directory.fd(), name, link, sizeof link);
    const std::uint32_t inode = socket_inode(link, length);
    if (inode == 0) return true;
    const std::uint32_t row = progress.wanted.find(inode);
    if (row == InodeTable::kNone) return true;
    held.push_back({row, index, static_cast<std::int32_t>(fd)});
    return true;
  });
  if (held.size() != before) process.command = command_of(process.tid);
}

void scan_some(ProcScan& scan, Progress& progress, std::vector<HeldSocket>& held) {
  std::vector<char> room(kRoom);
  for (;;) {
    const std::size_t i = progress.next++;
    if (i >= scan.processes.size()) return;
    scan_process(scan.processes[i], static_cast<std::uint32_t>(i), progress, room, held);
  }
}

}  // namespace

ProcScan list_processes(bool threads) {
  ProcScan scan;
  std::vector<char> room(kRoom);
  std::vector<std::uint32_t> pids;
  Directory("/proc").each_number(room, [&](const char*, std::uint32_t pid) {
    pids.push_back(pid);
    return true;
  });
  for (const std::uint32_t pid : pids) {
    add_process(scan, pid, pid);
    if (!threads) continue;
    const Directory tasks("/proc/" + std::to_string(pid) + "/task");
    tasks.each_number(room, [&](const char*, std::uint32_t tid) {
      if (tid != pid) add_process(scan, pid, tid);
      return true;
    });
  }
  std::stable_sort(scan.processes.begin(), scan.processes.end(),
                   [](const auto& a, const auto& b) { return a.descriptors > b.descriptors; });
  return scan;
}

std::uint64_t descriptors_of(const ProcScan& scan) {
  std::uint64_t descriptors = 0;
  for (const ScannedProcess& process : scan.processes) descriptors += process.descriptors;
  return descriptors;
}

void scan_proc(ProcScan& scan, const InodeTable& wanted) {
  Progress progress{wanted};
  constexpr std::uint64_t kWorthAThread = 5000;
  const std::uint64_t workers =
      std::clamp<std::uint64_t>(descriptors_of(scan) / kWorthAThread, 1,
                                std::max(1u, std::min(4u, std::thread::hardware_concurrency())));
  std::vector<std::vector<HeldSocket>> parts(workers);
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < workers; ++i) {
    others.emplace_back([&, i] { scan_some(scan, progress, parts[i]); });
  }
  scan_some(scan, progress, parts[0]);
  for (std::thread& other : others) other.join();
  for (const auto& part : parts) scan.held.insert(scan.held.end(), part.begin(), part.end());
}

}  // namespace estab::observe
