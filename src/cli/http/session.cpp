#include "cli/http/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

namespace estab::cli::http {
namespace {

constexpr std::size_t kChunk = 256 * 1024;  // of a file, read at a time
constexpr std::size_t kMaxInput = 256 * 1024;

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

struct Selected {
  int status = 200;
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

// RFC 9110 14.1.2: which bytes of `size`.
Selected select_range(const std::optional<ByteRange>& range, std::uint64_t size) {
  if (!range) return {200, 0, size};
  if (!range->first) {  // the last so many
    const std::uint64_t length = std::min(*range->last, size);
    if (length == 0) return {416, 0, 0};
    return {206, size - length, length};
  }
  if (*range->first >= size) return {416, 0, 0};
  const std::uint64_t last = std::min(range->last.value_or(size - 1), size - 1);
  return {206, *range->first, last - *range->first + 1};
}

}  // namespace

Session::~Session() {
  if (!temporary_.empty()) site_.discard(temporary_);
}

void Session::consume(std::size_t bytes) {
  in_at_ += bytes;
  if (in_at_ == in_.size()) {
    in_.clear();
    in_at_ = 0;
  } else if (in_at_ > 65536) {
    in_.erase(0, std::exchange(in_at_, 0));
  }
}

void Session::take(std::string_view more) {
  // A large body's bytes go where they belong without a stop in between.
  if (in_body_ && in_.empty()) take_body(more);
  in_.append(more);
}

bool Session::wants_input() const {
  return !finished_ && in_.size() - in_at_ < kMaxInput && out_at_ == out_.size() && file_left_ == 0;
}

bool Session::idle() const {
  return !in_body_ && in_.empty() && out_at_ == out_.size() && file_left_ == 0;
}

std::string_view Session::pending() {
  while (out_at_ == out_.size() && advance()) {
  }
  return std::string_view(out_).substr(out_at_);
}

void Session::sent(std::size_t bytes) {
  out_at_ += bytes;
  if (out_at_ != out_.size()) return;
  out_.clear();
  out_at_ = 0;
}

// One step towards the next byte to send; false: there is none for now.
bool Session::advance() {
  if (file_left_ != 0) return read_file();
  if (finished_) return false;
  if (in_body_) {
    std::string_view rest = input();
    const bool more = take_body(rest);
    consume(input().size() - rest.size());
    return more;
  }
  return take_head();
}

// A file that got shorter while it was sent can't be completed: the connection ends there, so that
// the client sees it.
bool Session::read_file() {
  const std::size_t old = out_.size();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(file_left_, kChunk));
  out_.resize(old + wanted);
  const ssize_t n = ::pread(file_.fd(), out_.data() + old, wanted, static_cast<off_t>(file_at_));
  out_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (n <= 0) {
    file_left_ = 0;
    finished_ = true;
  } else {
    file_at_ += static_cast<std::uint64_t>(n);
    file_left_ -= static_cast<std::uint64_t>(n);
  }
  if (file_left_ == 0) file_ = File();
  return out_.size() > old;
}

bool Session::take_head() {
  ParsedHead head = parse_head(input());
  if (head.kind == ParsedHead::Kind::Incomplete) return false;
  if (head.kind == ParsedHead::Kind::Wrong) {
    keep_ = false;
    answer_error(head.status);
    return true;
  }
  consume(head.length);
  request_ = std::move(head.request);
  keep_ = request_.keep_alive && policy_.close_first != CloseFirst::Server;
  begin(request_);
  return true;
}

void Session::begin(const Request& request) {
  const bool body = request.chunked || request.content_length.value_or(0) != 0;
  const bool put = request.method == "PUT" || request.method == "POST";
  if (!put && body) {  // it would have to be read and thrown away: nobody needs that
    keep_ = false;
    return answer_error(400);
  }
  if (put) return begin_upload();
  if (request.method == "GET" || request.method == "HEAD") return answer_get(request);
  if (request.method == "OPTIONS") {
    return answer(200, "Allow: GET, HEAD, OPTIONS, POST, PUT\r\n", 0);
  }
  const bool known = request.method == "DELETE" || request.method == "TRACE" ||
                     request.method == "CONNECT" || request.method == "PATCH";
  answer_error(known ? 405 : 501);
}

void Session::begin_upload() {
  in_body_ = true;
  body_ = BodyReader(request_);
  body_bytes_ = 0;
  upload_status_ = 0;
  hash_ = Sha256();
  if (policy_.upload && request_.method == "PUT") {
    auto file = site_.create(request_.path, temporary_);
    if (file) {
      upload_ = std::move(*file);
    } else {
      temporary_.clear();
      upload_status_ = file.error() == ENOSPC ? 507 : 403;
    }
  }
  if (upload_status_ != 0 && request_.expects_continue) {
    in_body_ = false;
    keep_ = false;
    return answer_error(upload_status_);
  }
  if (request_.expects_continue) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

// Takes from `input` what belongs to the body; false: more is needed.
bool Session::take_body(std::string_view& input) {
  while (!body_.done()) {
    const BodyReader::Piece piece = body_.next(input);
    if (body_.wrong()) {
      in_body_ = false;
      keep_ = false;
      answer_error(400);
      return true;
    }
    if (piece.taken == 0) return false;
    input.remove_prefix(piece.taken);
    body_bytes_ += piece.data.size();
    if (!upload_) hash_.add(piece.data);
    for (std::string_view left = piece.data; upload_ && !left.empty();) {
      const ssize_t n = ::write(upload_.fd(), left.data(), left.size());
      if (n <= 0) {
        upload_ = File();
        upload_status_ = 507;
        break;
      }
      left.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  finish_upload();
  return true;
}

void Session::finish_upload() {
  in_body_ = false;
  const bool stored = static_cast<bool>(upload_);
  upload_ = File();
  const std::string temporary = std::exchange(temporary_, "");
  if (upload_status_ == 0 && stored && !site_.publish(temporary, request_.path)) {
    upload_status_ = 403;
  }
  if (upload_status_ != 0) {
    if (!temporary.empty()) site_.discard(temporary);
    return answer_error(upload_status_);
  }
  if (stored) return answer_text(201, fmt::format("{} bytes stored\n", body_bytes_));
  answer_text(200, fmt::format("{} bytes, sha256 {}\n", body_bytes_, hash_.hex()));
}

void Session::answer_get(const Request& request) {
  Found found = site_.find(request.path);
  if (found.status == 301) {
    return answer(301, "Location: " + found.location + "\r\n", 0);
  }
  if (found.status != 200) return answer_error(found.status);
  const Selected part = select_range(found.file ? request.range : std::nullopt, found.size);
  std::string fields = "Content-Type: " + found.type + "\r\n";
  if (found.modified != 0) fields += "Last-Modified: " + http_date(found.modified) + "\r\n";
  if (found.file) fields += "Accept-Ranges: bytes\r\n";
  if (part.status == 416) {
    return answer(416, fmt::format("Content-Range: bytes */{}\r\n", found.size), 0);
  }
  if (part.status == 206) {
    fields += fmt::format("Content-Range: bytes {}-{}/{}\r\n", part.first,
                          part.first + part.length - 1, found.size);
  }
  answer(part.status, fields, part.length);
  if (request.method == "HEAD") return;
  if (!found.file) {
    out_ += found.page;
    return;
  }
  file_ = std::move(found.file);
  file_at_ = part.first;
  file_left_ = part.length;
  if (file_left_ != 0) read_file();  // a small file leaves together with its head
}

void Session::answer_error(int status) {
  answer_text(status, fmt::format("{} {}\n", status, reason(status)));
}

void Session::answer_text(int status, std::string_view text) {
  answer(status, "Content-Type: text/plain; charset=utf-8\r\n", text.size());
  if (request_.method != "HEAD") out_ += text;
}

void Session::answer(int status, std::string_view fields, std::uint64_t length) {
  // HTTP/1.0's keep-alive has to be said, HTTP/1.1's close as well.
  const char* connection = !keep_ ? "Connection: close\r\n" : "";
  if (keep_ && request_.minor == 0) connection = "Connection: keep-alive\r\n";
  const char* allow = status == 405 ? "Allow: GET, HEAD, OPTIONS, POST, PUT\r\n" : "";
  out_ += fmt::format(
      "HTTP/1.1 {} {}\r\nServer: estab\r\nDate: {}\r\n{}{}Content-Length: {}\r\n{}\r\n", status,
      reason(status), http_date(std::time(nullptr)), fields, allow, length, connection);
  ++answered_;
  if (!keep_ && policy_.close_first != CloseFirst::Client) finished_ = true;
}

}  // namespace estab::cli::http
