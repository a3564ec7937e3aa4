#include "cli/http/request.h"

#include <algorithm>
#include <charconv>

namespace estab::cli::http {
namespace {

constexpr std::string_view kTokenExtras = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kTokenExtras.find(c) != kTokenExtras.npos;
  });
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A list such as "keep-alive, upgrade" has this word.
bool list_has(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (same_word(trimmed(list.substr(0, comma)), word)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// "bytes=0-99", "bytes=100-", "bytes=-5". RFC 9110 14.2: what is not understood is ignored.
std::optional<ByteRange> parse_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes=";
  if (!value.starts_with(kUnit)) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const std::size_t dash = value.find('-');
  if (dash == value.npos) return std::nullopt;
  ByteRange range;
  const std::string_view first = value.substr(0, dash);
  const std::string_view last = value.substr(dash + 1);
  if (!first.empty() && !(range.first = parse_number(first))) return std::nullopt;
  if (!last.empty() && !(range.last = parse_number(last))) return std::nullopt;
  if (!range.first && !range.last) return std::nullopt;
  if (range.first && range.last && *range.last < *range.first) return std::nullopt;
  return range;
}

struct HeadState {
  Request request;
  int hosts = 0;
  int status = 0;  // not 0: wrong
};

void request_line(std::string_view line, HeadState& head) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  head.status = 400;
  if (second == line.npos) return;
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method) || version.size() != 8 || !version.starts_with("HTTP/")) return;
  if (!version.starts_with("HTTP/1.")) {
    head.status = 505;
    return;
  }
  head.request.minor = version[7] == '0' ? 0 : 1;
  if (version[7] < '0' || version[7] > '9') return;
  head.request.keep_alive = head.request.minor != 0;
  head.request.method = method;
  if (target.starts_with("http://")) {  // RFC 9112 3.2.2: absolute form
    const std::size_t slash = target.find('/', 7);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  if (target == "*" && method == "OPTIONS") target = "/";
  if (!target.starts_with('/')) return;
  const auto decoded = percent_decoded(target.substr(0, target.find_first_of("?#")));
  if (!decoded) return;
  const auto path = normal_path(*decoded);
  if (!path) {
    head.status = 403;
    return;
  }
  head.request.path = *path;
  head.status = 0;
}

void length_field(std::string_view value, HeadState& head) {
  const auto length = parse_number(value);
  const auto& known = head.request.content_length;
  if (!length || (known && *known != *length)) head.status = 400;
  head.request.content_length = length;
}

void field_line(std::string_view line, HeadState& head) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    head.status = 400;  // RFC 9112 5.1, and 5.2's folded lines
    return;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  Request& request = head.request;
  if (same_word(name, "host")) ++head.hosts;
  if (same_word(name, "content-length")) length_field(value, head);
  if (same_word(name, "transfer-encoding")) {
    request.chunked = same_word(value, "chunked");
    if (!request.chunked) head.status = 501;
  }
  if (same_word(name, "connection")) {
    if (list_has(value, "close")) request.keep_alive = false;
    if (request.minor == 0 && list_has(value, "keep-alive")) request.keep_alive = true;
  }
  if (same_word(name, "expect")) {
    request.expects_continue = same_word(value, "100-continue");
    if (!request.expects_continue) head.status = 417;
  }
  if (same_word(name, "range")) request.range = parse_range(value);
}

// RFC 9112 2.2: a lone LF ends a line too.
std::string_view next_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Where the head ends: behind its empty line; npos: not yet there.
std::size_t end_of_head(std::string_view bytes) {
  for (std::size_t at = 0; (at = bytes.find('\n', at)) != bytes.npos; ++at) {
    if (bytes.substr(at + 1).starts_with("\n")) return at + 2;
    if (bytes.substr(at + 1).starts_with("\r\n")) return at + 3;
  }
  return bytes.npos;
}

ParsedHead wrong(int status) {
  ParsedHead head;
  head.kind = ParsedHead::Kind::Wrong;
  head.status = status;
  return head;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* digits = text.data() + i + 1;
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  if (out.find('\0') != out.npos) return std::nullopt;
  return out;
}

std::optional<std::string> normal_path(std::string_view path) {
  std::vector<std::string_view> parts;
  const bool directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) out += "/" + std::string(part);
  if (out.empty() || directory) out += "/";
  return out;
}

ParsedHead parse_head(std::string_view bytes) {
  std::size_t skipped = 0;  // RFC 9112 2.2: empty lines before a request
  while (bytes.starts_with("\r\n")) {
    bytes.remove_prefix(2);
    skipped += 2;
  }
  const std::size_t end = end_of_head(bytes.substr(0, kMaxHead + 1));
  if (end == bytes.npos || end > kMaxHead) {
    return bytes.size() + skipped > kMaxHead ? wrong(431) : ParsedHead{};
  }
  HeadState head;
  std::string_view rest = bytes.substr(0, end);
  request_line(next_line(rest), head);
  while (head.status == 0) {
    const std::string_view line = next_line(rest);
    if (line.empty()) break;
    field_line(line, head);
  }
  Request& request = head.request;
  if (head.status == 0 && (head.hosts > 1 || (request.minor == 1 && head.hosts == 0))) {
    head.status = 400;  // RFC 9112 3.2
  }
  if (head.status == 0 && request.chunked && request.content_length) head.status = 400;  // 6.3
  if (head.status != 0) return wrong(head.status);
  return {ParsedHead::Kind::Whole, std::move(request), skipped + end, 0};
}

}  // namespace estab::cli::http
