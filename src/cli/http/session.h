// One HTTP/1.1 connection as bytes in and bytes out: it knows no socket. Requests are answered in
// order, however they come (pipelined, split, with bodies).
//
//   session.take(received);
//   while (!(out = session.pending()).empty()) session.sent(send(out));
//   if (session.finished()) close();
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/http/body.h"
#include "cli/http/request.h"
#include "cli/http/sha256.h"
#include "cli/http/site.h"

namespace estab::cli::http {

enum class CloseFirst : std::uint8_t {
  KeepAlive,  // as HTTP says: the server after `Connection: close`, else whoever has enough
  Server,     // the server, after each answer
  Client,     // never the server, unless the client stays silent for too long
};

struct Policy {
  bool upload = false;  // PUT stores files
  CloseFirst close_first = CloseFirst::KeepAlive;
};

class Session {
 public:
  Session(const Site& site, const Policy& policy) : site_(site), policy_(policy) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void take(std::string_view input);
  // What is to be sent next; empty: nothing for now. Valid until sent() or take().
  std::string_view pending();
  void sent(std::size_t bytes);  // of pending()

  bool wants_input() const;  // false: take() no more until some was sent
  bool finished() const { return finished_ && out_at_ == out_.size() && file_left_ == 0; }
  // Between two requests: closing now loses nothing.
  bool idle() const;
  std::uint64_t answered() const { return answered_; }

 private:
  bool advance();
  bool read_file();
  bool take_head();
  bool take_body(std::string_view& input);
  void begin(const Request& request);
  void begin_upload();
  void finish_upload();
  void answer_get(const Request& request);
  void answer_error(int status);
  void answer(int status, std::string_view fields, std::uint64_t length);
  void answer_text(int status, std::string_view text);
  std::string_view input() const { return std::string_view(in_).substr(in_at_); }
  void consume(std::size_t bytes);

  const Site& site_;
  Policy policy_;
  std::string in_;
  std::size_t in_at_ = 0;
  std::string out_;
  std::size_t out_at_ = 0;
  Request request_;
  bool keep_ = true;       // the connection, after the present answer
  bool finished_ = false;  // no further request is read
  std::uint64_t answered_ = 0;

  File file_;  // what is being sent
  std::uint64_t file_at_ = 0;
  std::uint64_t file_left_ = 0;

  bool in_body_ = false;
  BodyReader body_;
  std::uint64_t body_bytes_ = 0;
  Sha256 hash_;
  File upload_;
  std::string temporary_;  // its name so far
  int upload_status_ = 0;  // not 0: what went wrong
};

}  // namespace estab::cli::http
