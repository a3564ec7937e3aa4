// libFuzzer's entry to estab::fuzz::frame().
#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  estab::fuzz::frame({data, size});
  return 0;
}
