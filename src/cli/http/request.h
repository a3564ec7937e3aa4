// The head of an HTTP/1.1 request (RFC 9112), parsed strictly: what two readers could read in two
// ways is refused.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace estab::cli::http {

inline constexpr std::size_t kMaxHead = 16384;  // bytes of request line and fields together

struct ByteRange {  // as asked for; either may be missing, not both
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;  // without `first`: that many from the end
};

struct Request {
  std::string method;
  std::string path;  // decoded, begins with '/', no query; never leads above the root
  int minor = 1;     // HTTP/1.minor
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  std::optional<ByteRange> range;  // one range of bytes; others are as good as none
};

struct ParsedHead {
  enum class Kind { Incomplete, Whole, Wrong } kind = Kind::Incomplete;
  Request request;         // Whole
  std::size_t length = 0;  // Whole: bytes of the head, the empty line included
  int status = 400;        // Wrong: what to answer
};
ParsedHead parse_head(std::string_view bytes);

// "%41/b" -> "A/b"; nothing: broken escapes or a NUL.
std::optional<std::string> percent_decoded(std::string_view text);
// Takes "." and ".." out; nothing: it leads above the root.
std::optional<std::string> normal_path(std::string_view path);

}  // namespace estab::cli::http
