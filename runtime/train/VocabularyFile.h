// VocabularyFile.h: reads encoder.json, one JSON object from symbol to id.
// Strict: no duplicate symbol, ids exactly 0 .. n-1, nothing nested.
#ifndef LNX_TRAIN_VOCABULARYFILE_H
#define LNX_TRAIN_VOCABULARYFILE_H

#include "lnx/result.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace lnx {

struct VocabularyFile {
  std::unordered_map<std::string, int32_t> ids;
};

Result<VocabularyFile> readVocabularyFile(const std::string &path);

} // namespace lnx

#endif
