// VocabularyFile.cpp: a streaming reader, because a DOM silently keeps one of two equal keys.
// Relies on nlohmann's SAX parser, which does not recurse.
#include "runtime/train/VocabularyFile.h"
#include "runtime/MappedFile.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lnx {

namespace {

using Json = nlohmann::json;

// Returning false stops the parser; `problem` says why.
struct Reader : nlohmann::json_sax<Json> {
  std::unordered_map<std::string, int32_t> ids;
  std::string symbol, problem;
  int depth = 0;

  bool refuse(std::string why) {
    problem = std::move(why);
    return false;
  }
  bool notAnId() { return refuse(fmt::format("'{}' has no whole number as its id", symbol)); }

  bool start_object(std::size_t) override { return depth++ == 0 || notAnId(); }
  bool end_object() override { return true; }
  bool key(string_t &name) override {
    symbol = name;
    return true;
  }
  bool number_unsigned(number_unsigned_t id) override {
    if (depth == 0)
      return refuse("it is not an object");
    if (id >= 1u << 24)
      return refuse(fmt::format("id {} of '{}' is over the limit of {}", id, symbol, 1 << 24));
    if (!ids.emplace(symbol, static_cast<int32_t>(id)).second)
      return refuse(fmt::format("'{}' stands twice", symbol));
    return true;
  }
  bool other() { return depth == 0 ? refuse("it is not an object") : notAnId(); }
  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_float(number_float_t, const string_t &) override { return other(); }
  bool string(string_t &) override { return other(); }
  bool binary(binary_t &) override { return other(); }
  bool start_array(std::size_t) override { return other(); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t at, const std::string &,
                   const nlohmann::detail::exception &) override {
    return refuse(fmt::format("byte {} is not JSON", at));
  }
};

} // namespace

Result<VocabularyFile> readVocabularyFile(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Reader reader;
  std::string_view text = file->text();
  if (!Json::sax_parse(text.begin(), text.end(), &reader))
    return Error{fmt::format("'{}': {}", path, reader.problem)};
  std::vector<bool> used(reader.ids.size());
  for (const auto &[symbol, id] : reader.ids) {
    if (static_cast<size_t>(id) >= used.size())
      return Error{fmt::format("'{}': id {} of '{}' is not below the number of symbols, {}", path,
                               id, symbol, used.size())};
    if (used[static_cast<size_t>(id)])
      return Error{fmt::format("'{}': id {} stands twice", path, id)};
    used[static_cast<size_t>(id)] = true;
  }
  return VocabularyFile{std::move(reader.ids)};
}

} // namespace lnx
