// TokenShard.h: tokens that lie together, in a mapped file or in memory.
// Internal to Tokens.cpp and TokenFiles.cpp.
#ifndef LNX_TRAIN_TOKENSHARD_H
#define LNX_TRAIN_TOKENSHARD_H

#include "lnx/train/tokens.h"
#include "runtime/MappedFile.h"

namespace lnx {

struct Tokens::Shard {
  std::optional<MappedFile> file; // else the ids are in `narrow` or `wide`
  std::vector<uint16_t> narrow;
  std::vector<int32_t> wide;
  size_t skip = 0; // bytes of header in the file
  int width = 2;   // bytes per token: 2 or 4
  int64_t first = 0, count = 0;

  void read(int64_t offset, std::span<int32_t> ids) const;
};

} // namespace lnx

#endif
