// tokens_fuzz: any bytes as a token file or as encoder.json are read or refused, never past their
// end. Built with -DLNX_FUZZ=ON; run: build/dev/bin/tokens_fuzz -max_len=4096 CORPUS

#include "lnx/train/tokens.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace lnx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const std::string folder =
      (std::filesystem::temp_directory_path() / ("lnx-fuzz-" + std::to_string(getpid()))).string();
  std::filesystem::create_directories(folder);
  for (const char *name : {"t.bin", "t.txt", "encoder.json"})
    std::ofstream(folder + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes), static_cast<std::streamsize>(size));
  for (const char *name : {"/t.bin", "/t.txt"}) {
    Result<Tokens> tokens = Tokens::open(folder + name, *byteTokenizer());
    if (!tokens)
      continue;
    std::vector<int32_t> ids(static_cast<size_t>(tokens->size()));
    tokens->copy(0, ids);
    (void)tokens->check(257);
  }
  (void)gpt2Tokenizer(folder);
  std::string_view text(reinterpret_cast<const char *>(bytes), size);
  if (auto characters = characterTokenizer(text))
    if (*(*characters)->decode(*(*characters)->encode(text)) != text)
      std::abort();
  return 0;
}
