#include "cli/http/site.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace estab::cli::http {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".log", "text/plain; charset=utf-8"},
    {".c", "text/plain; charset=utf-8"},
    {".h", "text/plain; charset=utf-8"},
    {".cpp", "text/plain; charset=utf-8"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".pdf", "application/pdf"},
    {".wasm", "application/wasm"},
}};

// Kernels before 5.6 lack openat2(): there symbolic links are not followed at all.
File open_by_steps(int root, const std::string& path, int flags, unsigned mode) {
  File at(::dup(root));
  for (std::size_t begin = 0; at && begin < path.size();) {
    const std::size_t slash = path.find('/', begin);
    const bool last = slash == path.npos;
    const std::string part = path.substr(begin, last ? path.npos : slash - begin);
    const int how = last ? flags : O_PATH | O_DIRECTORY;
    at = File(::openat(at.fd(), part.c_str(), how | O_NOFOLLOW | O_CLOEXEC, mode));
    if (last) break;
    begin = slash + 1;
  }
  return at;
}

int status_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EXDEV:
    case ELOOP:
      return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return 503;
    default:
      return 404;
  }
}

Found failed(int status) {
  Found found;
  found.status = status;
  return found;
}

}  // namespace

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

tl::expected<Site, std::string> Site::open(const std::string& directory) {
  File root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return tl::unexpected("cannot serve " + directory + ": " + std::strerror(errno));
  }
  return Site(std::move(root));
}

File Site::open_beneath(const std::string& path, int flags, unsigned mode) const {
  std::string relative = path.substr(std::min(path.find_first_not_of('/'), path.size()));
  while (relative.ends_with('/')) relative.pop_back();
  if (relative.empty()) relative = ".";
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root_.fd(), relative.c_str(), &how, sizeof how);
  if (fd < 0 && errno == ENOSYS) return open_by_steps(root_.fd(), relative, flags, mode);
  return File(static_cast<int>(fd));
}

Found Site::find(const std::string& path) const {
  // O_NONBLOCK: a FIFO in the directory must not hold us.
  File file = open_beneath(path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file.fd(), &status) != 0) return failed(status_of(errno));
  if (S_ISDIR(status.st_mode)) {
    if (!path.ends_with('/')) {
      Found found = failed(301);
      found.location = percent_encoded(path) + "/";
      return found;
    }
    Found index = find(path + "index.html");
    return index.status == 200 ? std::move(index) : listing(path, file);
  }
  if (!S_ISREG(status.st_mode)) return failed(403);
  if (path.ends_with('/')) return failed(404);
  Found found;
  found.status = 200;
  found.file = std::move(file);
  found.size = static_cast<std::uint64_t>(status.st_size);
  found.type = content_type(path);
  found.modified = status.st_mtime;
  return found;
}

Found Site::listing(const std::string& path, const File& directory) const {
  const int fd = ::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = fd < 0 ? nullptr : ::fdopendir(fd);
  if (entries == nullptr) return failed(status_of(errno));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries)) {
    if (entry->d_name[0] == '.') continue;
    names.push_back(std::string(entry->d_name) + (entry->d_type == DT_DIR ? "/" : ""));
  }
  ::closedir(entries);
  std::sort(names.begin(), names.end());
  Found found;
  found.status = 200;
  found.type = "text/html; charset=utf-8";
  const std::string title = html_escaped(path);
  found.page = "<!doctype html>\n<title>" + title + "</title>\n<h1>" + title + "</h1>\n<ul>\n";
  if (path != "/") found.page += "<li><a href=\"../\">../</a></li>\n";
  for (const std::string& name : names) {
    found.page += "<li><a href=\"./" + html_escaped(percent_encoded(name)) + "\">" +
                  html_escaped(name) + "</a></li>\n";
  }
  found.page += "</ul>\n";
  found.size = found.page.size();
  return found;
}

tl::expected<File, int> Site::create(const std::string& path, std::string& temporary) const {
  if (path.ends_with('/')) return tl::unexpected(EISDIR);
  static std::uint64_t number = 0;
  temporary = fmt::format("{}.upload-{}-{}", path, ::getpid(), ++number);
  File file = open_beneath(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file) return tl::unexpected(errno);
  return file;
}

bool Site::publish(const std::string& temporary, const std::string& path) const {
  // Both lie in the directory that create() has opened beneath the root a moment ago.
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const File at = open_beneath(folder, O_RDONLY | O_DIRECTORY);
  return at && ::renameat(at.fd(), temporary.c_str() + folder.size(), at.fd(),
                          path.c_str() + folder.size()) == 0;
}

void Site::discard(const std::string& temporary) const {
  const std::string folder = temporary.substr(0, temporary.rfind('/') + 1);
  const File at = open_beneath(folder, O_RDONLY | O_DIRECTORY);
  if (at) ::unlinkat(at.fd(), temporary.c_str() + folder.size(), 0);
}

std::string_view content_type(std::string_view path) {
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string percent_encoded(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/";
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != kPlain.npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::string http_date(std::time_t when) {
  // Not strftime(): its names follow the locale.
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  ::gmtime_r(&when, &t);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday,
                     kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace estab::cli::http
