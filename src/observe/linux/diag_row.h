// One answer of sock_diag, turned into the model. Whoever decodes trusts no length.
#pragma once
#include <cstddef>
#include <cstdint>

#include "observe/linux/sock_diag.h"

namespace estab::observe {

class DiagRowReader {
 public:
  explicit DiagRowReader(const LinuxQuery& query);
  // From struct inet_diag_msg on. False: too short, or no state that we know.
  bool read(const std::uint8_t* body, std::size_t size, Connection& to) const;

 private:
  bool detail_ = false;
};

}  // namespace estab::observe
