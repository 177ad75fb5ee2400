// TokenWriter.cpp: writes llm.c's .bin; the file appears only when it is whole.
// A temporary beside it is synced and renamed.
#include "lnx/train/tokens.h"
#include "runtime/AtomicFile.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <limits>

namespace lnx {

std::optional<Error> writeTokens(const std::string &path, const Tokens &tokens,
                                 int64_t vocabulary) {
  // The header of the format counts tokens in 32 bits.
  if (tokens.size() > std::numeric_limits<int32_t>::max())
    return Error{fmt::format("'{}' cannot hold {} tokens, its format counts up to {}", path,
                             tokens.size(), std::numeric_limits<int32_t>::max())};
  bool narrow = vocabulary <= 1 << 16;
  AtomicFile file(path);
  std::array<int32_t, 256> header{};
  header[0] = narrow ? 20240520 : 20240801;
  header[1] = narrow ? 1 : 7;
  header[2] = static_cast<int32_t>(tokens.size());
  file.write(header.data(), sizeof header);
  std::vector<int32_t> ids(1 << 16);
  std::vector<uint16_t> words(ids.size());
  for (int64_t at = 0; at < tokens.size(); at += static_cast<int64_t>(ids.size())) {
    ids.resize(static_cast<size_t>(std::min<int64_t>(1 << 16, tokens.size() - at)));
    tokens.copy(at, ids);
    std::transform(ids.begin(), ids.end(), words.begin(),
                   [](int32_t id) { return static_cast<uint16_t>(id); });
    if (narrow)
      file.write(words.data(), ids.size() * 2);
    else
      file.write(ids.data(), ids.size() * 4);
  }
  return file.commit();
}

} // namespace lnx
