// libFuzzer's entry to estab::fuzz::ip().
#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  estab::fuzz::ip({data, size});
  return 0;
}
