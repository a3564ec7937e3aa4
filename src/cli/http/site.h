// A directory of files as a web site. Nothing outside the directory is ever opened, whatever the
// path or a symbolic link says.
#pragma once
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace estab::cli::http {

// A file descriptor that closes itself.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& o) noexcept : fd_(o.fd_) { o.fd_ = -1; }
  File& operator=(File&& o) noexcept {
    const int other = o.fd_;
    o.fd_ = fd_;
    fd_ = other;
    return *this;
  }
  ~File();
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Found {
  int status = 404;  // 200: file or page; 301: `location`; 403, 404, 500
  File file;         // the content, or
  std::string page;  // the content of a directory's listing
  std::uint64_t size = 0;
  std::string type;          // Content-Type
  std::string location;      // 301: the same with a slash at its end
  std::time_t modified = 0;  // 0: not known
};

class Site {
 public:
  // The error is one line for the user.
  static tl::expected<Site, std::string> open(const std::string& directory);

  // `path` is normal (request.h): decoded, absolute, without "..".
  Found find(const std::string& path) const;
  // A new file for an upload under its path, not linked in yet; and linking it there.
  tl::expected<File, int> create(const std::string& path, std::string& temporary) const;  // errno
  bool publish(const std::string& temporary, const std::string& path) const;
  void discard(const std::string& temporary) const;

 private:
  explicit Site(File root) : root_(std::move(root)) {}
  File open_beneath(const std::string& path, int flags, unsigned mode = 0) const;
  Found listing(const std::string& path, const File& directory) const;

  File root_;
};

std::string_view content_type(std::string_view path);
std::string html_escaped(std::string_view text);
std::string percent_encoded(std::string_view path);
std::string http_date(std::time_t when);  // "Sun, 06 Nov 1994 08:49:37 GMT"

}  // namespace estab::cli::http
