#include "cli/http/body.h"

#include <algorithm>
#include <charconv>

namespace estab::cli::http {

BodyReader::BodyReader(const Request& request) {
  if (request.chunked) {
    phase_ = Phase::ChunkSize;
  } else if (request.content_length.value_or(0) != 0) {
    phase_ = Phase::Counted;
    left_ = *request.content_length;
  }
}

BodyReader::Piece BodyReader::next(std::string_view input) {
  switch (phase_) {
    case Phase::Counted:
    case Phase::ChunkData: {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= n;
      if (left_ == 0) phase_ = phase_ == Phase::Counted ? Phase::Done : Phase::ChunkEnd;
      return {input.substr(0, n), n};
    }
    case Phase::ChunkSize:
      return chunk_size(input);
    case Phase::ChunkEnd:
    case Phase::Trailer:
      return line(input, phase_ == Phase::ChunkEnd ? Phase::ChunkSize : Phase::Done);
    case Phase::Done:
    case Phase::Wrong:
      break;
  }
  return {};
}

BodyReader::Piece BodyReader::chunk_size(std::string_view input) {
  const std::size_t end = input.find('\n');
  if (end == input.npos) {
    if (input.size() > 256) phase_ = Phase::Wrong;
    return {};
  }
  std::uint64_t size = 0;
  const auto [after, error] = std::from_chars(input.data(), input.data() + end, size, 16);
  const bool ends_well = after == input.data() + end || *after == '\r' || *after == ';' ||
                         *after == ' ' || *after == '\t';
  if (error != std::errc{} || after == input.data() || !ends_well) {
    phase_ = Phase::Wrong;
    return {};
  }
  left_ = size;
  phase_ = size == 0 ? Phase::Trailer : Phase::ChunkData;
  return {{}, end + 1};
}

// The empty line behind a chunk, or a trailer's lines up to an empty one.
BodyReader::Piece BodyReader::line(std::string_view input, Phase then) {
  const std::size_t end = input.find('\n');
  if (end == input.npos) {
    if (input.size() > kMaxHead) phase_ = Phase::Wrong;
    return {};
  }
  const bool empty = end == 0 || (end == 1 && input[0] == '\r');
  if (empty) {
    phase_ = then;
  } else if (phase_ == Phase::ChunkEnd) {
    phase_ = Phase::Wrong;
    return {};
  }
  return {{}, end + 1};
}

}  // namespace estab::cli::http
