// The packets of scripts as a pcapng capture; each has its script and line as a comment.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "estab/buffer.h"
#include "estab/time.h"

namespace estab::lab {

class ScriptCapture {
 public:
  ScriptCapture();
  void add(Instant at, bool inbound, Bytes packet, const std::string& comment);
  // The whole file.
  Bytes bytes() const { return Bytes(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace estab::lab
