// parse_fuzz: any bytes are parsed without a crash, and what parses prints to the same tree.
// Built with -DLNX_FUZZ=ON; run: build/dev/bin/parse_fuzz -dict=test/fuzz/lnx.dict CORPUS examples

#include "frontend/Parser.h"
#include "frontend/Printer.h"

#include <cstdint>
#include <cstdlib>

using namespace lnx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Diagnostics diagnostics;
  const std::string text(reinterpret_cast<const char *>(bytes), size);
  const ast::FilePtr file = parse(std::make_shared<const Source>("fuzz.lnx", text), diagnostics);
  if ((file == nullptr) != diagnostics.hasErrors())
    std::abort(); // silence on an error, or a tree in spite of one
  if (!file) {
    diagnostics.render();
    return 0;
  }
  const std::string once = print(*file);
  const ast::FilePtr again = parse(std::make_shared<const Source>("again.lnx", once), diagnostics);
  if (!again || !equal(*file, *again) || print(*again) != once)
    std::abort();
  return 0;
}
