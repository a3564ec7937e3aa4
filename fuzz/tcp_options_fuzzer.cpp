// libFuzzer's entry to estab::fuzz::tcp_options().
#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  estab::fuzz::tcp_options({data, size});
  return 0;
}
