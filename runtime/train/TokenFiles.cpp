// TokenFiles.cpp: which format a token file has, whether it is whole, and how one is written.
// Formats: llm.c .bin (1024-byte header), nanoGPT raw little-endian uint16, text.
#include "runtime/train/TokenShard.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

namespace lnx {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

static constexpr int64_t headerBytes = 1024;

namespace {

struct Header {
  int32_t magic, version, count;
};

struct Kind {
  int32_t magic, version;
  int width;
};

} // namespace

static constexpr Kind kinds[] = {{20240520, 1, 2}, {20240801, 7, 4}};

void Tokens::Shard::read(int64_t offset, std::span<int32_t> ids) const {
  const char *data = file           ? file->text().data() + skip
                     : wide.empty() ? reinterpret_cast<const char *>(narrow.data())
                                    : reinterpret_cast<const char *>(wide.data());
  data += offset * width;
  if (width == 4) {
    std::memcpy(ids.data(), data, ids.size() * 4);
    return;
  }
  for (int32_t &id : ids) {
    uint16_t word;
    std::memcpy(&word, data, 2);
    id = word;
    data += 2;
  }
}

// Pieces of about 1 MiB, cut where a word ends: GPT-2 has a piece boundary before every white space
// that follows something else, so the ids are those of the whole text.
static size_t cutPoint(std::string_view text) {
  auto space = [](char c) { return c == ' ' || c == '\n'; };
  for (size_t at = 1 << 20; at < text.size(); ++at)
    if (space(text[at]) && static_cast<unsigned char>(text[at - 1]) < 0x80 &&
        static_cast<unsigned char>(text[at - 1]) > ' ')
      return at;
  return text.size();
}

Result<Tokens> Tokens::fromText(std::string_view text, const Tokenizer &tokenizer) {
  Shard shard;
  shard.width = tokenizer.vocabulary() <= 1 << 16 ? 2 : 4;
  while (!text.empty()) {
    size_t cut = cutPoint(text);
    Result<std::vector<int32_t>> ids = tokenizer.encode(text.substr(0, cut));
    if (!ids)
      return ids.error();
    if (shard.width == 2)
      shard.narrow.insert(shard.narrow.end(), ids->begin(), ids->end());
    else
      shard.wide.insert(shard.wide.end(), ids->begin(), ids->end());
    text.remove_prefix(cut);
  }
  shard.count = static_cast<int64_t>(std::max(shard.narrow.size(), shard.wide.size()));
  Tokens tokens;
  tokens.formatName = fmt::format("text, {}", tokenizer.name());
  tokens.addShard(std::move(shard));
  return tokens;
}

static const Kind *kindOf(std::string_view bytes) {
  int32_t magic = 0;
  if (bytes.size() >= sizeof magic)
    std::memcpy(&magic, bytes.data(), sizeof magic);
  for (const Kind &kind : kinds)
    if (magic == kind.magic)
      return &kind;
  return nullptr;
}

static std::optional<Error> checkHeader(const std::string &path, std::string_view bytes,
                                        const Kind &kind) {
  if (bytes.size() < static_cast<size_t>(headerBytes))
    return Error{
        fmt::format("'{}' has {} bytes, the header alone has {}", path, bytes.size(), headerBytes)};
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kind.version)
    return Error{fmt::format("'{}' has version {}, magic number {} goes with version {}", path,
                             header.version, kind.magic, kind.version)};
  int64_t expected = headerBytes + static_cast<int64_t>(header.count) * kind.width;
  if (header.count < 0 || static_cast<int64_t>(bytes.size()) != expected)
    return Error{fmt::format("'{}' has {} bytes, its header says {} + {} * {} = {}", path,
                             bytes.size(), headerBytes, header.count, kind.width, expected)};
  return std::nullopt;
}

Result<bool> Tokens::addFile(const std::string &path, const Tokenizer &tokenizer) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  std::string_view bytes = file->text();
  Shard shard;
  if (const Kind *kind = kindOf(bytes)) {
    if (auto error = checkHeader(path, bytes, *kind))
      return *error;
    formatName = fmt::format("llm.c version {}, uint{}", kind->version, 8 * kind->width);
    shard.skip = headerBytes;
    shard.width = kind->width;
  } else if (path.ends_with(".bin")) {
    if (bytes.size() % 2 != 0)
      return Error{fmt::format("'{}' has {} bytes, not a whole number of uint16 tokens", path,
                               bytes.size())};
    formatName = "nanoGPT, uint16";
  } else {
    Result<Tokens> text = fromText(bytes, tokenizer);
    if (!text)
      return Error{fmt::format("'{}': {}", path, text.error().message), text.error().exit};
    formatName = text->formatName;
    addShard(std::move(text->shards.front()));
    return true;
  }
  shard.count =
      (static_cast<int64_t>(bytes.size()) - static_cast<int64_t>(shard.skip)) / shard.width;
  shard.file = std::move(*file);
  addShard(std::move(shard));
  return true;
}

Result<Tokens> Tokens::open(const std::string &pattern, const Tokenizer &tokenizer) {
  std::vector<std::string> paths;
  struct stat status;
  glob_t matches{};
  if (::stat(pattern.c_str(), &status) != 0 && ::glob(pattern.c_str(), 0, nullptr, &matches) == 0)
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc); // sorted by name
  else
    paths.push_back(pattern);
  ::globfree(&matches);
  Tokens tokens;
  for (const std::string &path : paths)
    if (Result<bool> added = tokens.addFile(path, tokenizer); !added)
      return added.error();
  if (paths.size() > 1)
    tokens.formatName += fmt::format(", {} files", paths.size());
  return tokens;
}

size_t splitPoint(std::string_view text, double share) {
  auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  auto characters = std::count_if(text.begin(), text.end(), starts);
  auto left = static_cast<int64_t>(static_cast<double>(characters) * share);
  size_t at = 0;
  for (; at < text.size(); ++at)
    if (starts(text[at]) && left-- == 0)
      break;
  return at;
}

static Result<Split> splitText(std::string_view text, double share, const Tokenizer &tokenizer) {
  size_t point = splitPoint(text, share);
  Result<Tokens> training = Tokens::fromText(text.substr(0, point), tokenizer);
  if (!training)
    return training.error();
  Result<Tokens> heldOut = Tokens::fromText(text.substr(point), tokenizer);
  if (!heldOut)
    return heldOut.error();
  return Split{std::move(*training), std::move(*heldOut)};
}

Result<Split> openSplit(const SplitOptions &options, const Tokenizer &tokenizer) {
  if (!options.heldOutPath.empty()) {
    Result<Tokens> training = Tokens::open(options.path, tokenizer);
    if (!training)
      return training.error();
    Result<Tokens> heldOut = Tokens::open(options.heldOutPath, tokenizer);
    if (!heldOut)
      return heldOut.error();
    return Split{std::move(*training), std::move(*heldOut)};
  }
  if (Result<MappedFile> file = MappedFile::open(options.path);
      file && !kindOf(file->text()) && !options.path.ends_with(".bin")) {
    Result<Split> split = splitText(file->text(), options.trainingShare, tokenizer);
    if (!split)
      return Error{fmt::format("'{}': {}", options.path, split.error().message),
                   split.error().exit};
    return split;
  }
  Result<Tokens> training = Tokens::open(options.path, tokenizer);
  if (!training)
    return training.error();
  Result<Tokens> heldOut = Tokens::open(options.path, tokenizer);
  if (!heldOut)
    return heldOut.error();
  int64_t all = training->size();
  auto point = static_cast<int64_t>(static_cast<double>(all) * options.trainingShare);
  training->narrow(0, point);
  heldOut->narrow(point, all - point);
  return Split{std::move(*training), std::move(*heldOut)};
}

} // namespace lnx
