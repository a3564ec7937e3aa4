// Takes a request's body apart from what follows it: counted by Content-Length or in chunks
// (RFC 9112 7.1).
#pragma once
#include <cstdint>
#include <string_view>

#include "cli/http/request.h"

namespace estab::cli::http {

class BodyReader {
 public:
  BodyReader() = default;  // no body: done at once
  explicit BodyReader(const Request& request);

  struct Piece {
    std::string_view data;  // of the body
    std::size_t taken = 0;  // bytes of the input used up, framing included
  };
  // The next piece at the front of `input`. Neither taken nor done: more input is needed.
  Piece next(std::string_view input);
  bool done() const { return phase_ == Phase::Done; }
  bool wrong() const { return phase_ == Phase::Wrong; }  // broken chunks

 private:
  enum class Phase { Counted, ChunkSize, ChunkData, ChunkEnd, Trailer, Done, Wrong };
  Piece chunk_size(std::string_view input);
  Piece line(std::string_view input, Phase then);

  Phase phase_ = Phase::Done;
  std::uint64_t left_ = 0;
};

}  // namespace estab::cli::http
