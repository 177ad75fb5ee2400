// Safetensors: the header is read event by event, so that a key that stands twice is seen.
// Nothing of the file is trusted: every offset, product and count is checked before it is used.
#include "runtime/Safetensors.h"

#include "runtime/AtomicFile.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

static_assert(std::endian::native == std::endian::little,
              "numbers are written as they lie in memory");

namespace lnx {
namespace {
using Json = nlohmann::json;

struct Entry {
  std::string name, type;
  std::vector<int64_t> shape;
  std::vector<uint64_t> offsets;
};

/// { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, "__metadata__": { "key":
/// "text" } }
class Header : public nlohmann::json_sax<Json> {
public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool start_object(size_t) override {
    ++depth;
    keys.emplace_back();
    if (depth == 2 && field != "__metadata__")
      entries.push_back({field, {}, {}, {}});
    isMetadata = depth == 2 && field == "__metadata__";
    return depth <= 2 || fail("objects nested more than twice");
  }
  bool end_object() override {
    --depth;
    keys.pop_back();
    return true;
  }
  bool key(std::string &text) override {
    field = text;
    if (!keys.back().insert(text).second)
      return fail(fmt::format("'{}' stands twice", text));
    if (depth == 2 && !isMetadata && text != "dtype" && text != "shape" && text != "data_offsets")
      return fail(fmt::format("'{}' has an unknown key '{}'", entries.back().name, text));
    return true;
  }
  bool string(std::string &text) override {
    if (isMetadata && depth == 2 && !isList)
      metadata[field] = text;
    else if (depth == 2 && field == "dtype" && !isList)
      entries.back().type = text;
    else
      return fail(fmt::format("a text stands where '{}' has none", field));
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (depth != 2 || isMetadata || !isList || value > uint64_t(INT64_MAX))
      return fail(fmt::format("a number stands where '{}' has none", field));
    if (field == "shape")
      entries.back().shape.push_back(int64_t(value));
    else
      entries.back().offsets.push_back(value);
    return true;
  }
  bool start_array(size_t) override {
    if (depth != 2 || isMetadata || isList || field == "dtype")
      return fail(fmt::format("a list stands where '{}' has none", field));
    isList = true;
    return true;
  }
  bool end_array() override {
    isList = false;
    return true;
  }
  bool null() override { return fail(fmt::format("'{}' is null", field)); }
  bool boolean(bool) override { return fail(fmt::format("'{}' is true or false", field)); }
  bool number_integer(int64_t value) override { return fail(fmt::format("{} is negative", value)); }
  bool number_float(double, const std::string &text) override {
    return fail(fmt::format("{} is not a whole number", text));
  }
  bool binary(Json::binary_t &) override { return fail("it has binary values"); }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail(fmt::format("its header is not JSON at byte {}", position + 8));
  }

private:
  bool fail(std::string text) {
    if (problem.empty())
      problem = std::move(text);
    return false;
  }

  int depth = 0;
  bool isList = false, isMetadata = false;
  std::string field;
  std::vector<std::set<std::string>> keys;
};

/// Why the entry is not a tensor of `size` bytes of numbers, or nothing.
std::string check(const Entry &entry, uint64_t size) {
  const std::optional<Dtype> type = dtypeNamed(entry.type);
  if (!type)
    return fmt::format("'{}' has the unknown type '{}'", entry.name, entry.type);
  if (entry.offsets.size() != 2 || entry.offsets[0] > entry.offsets[1] || entry.offsets[1] > size)
    return fmt::format("'{}' does not lie inside the {} bytes of the file", entry.name, size);
  uint64_t wanted = bytesOf(*type);
  for (int64_t dimension : entry.shape)
    if (__builtin_mul_overflow(wanted, uint64_t(dimension), &wanted))
      return fmt::format("the size of '{}' does not fit 64 bits", entry.name);
  const uint64_t found = entry.offsets[1] - entry.offsets[0];
  if (wanted != found)
    return fmt::format("'{}' has {} bytes, its shape and type need {}", entry.name, found, wanted);
  return "";
}

/// Why the entries do not fill the file one after another, or nothing.
std::string checkOrder(std::vector<const Entry *> entries, uint64_t size) {
  std::ranges::sort(entries, {}, [](const Entry *entry) {
    return std::pair(entry->offsets[0], entry->offsets[1]);
  });
  uint64_t end = 0;
  for (const Entry *entry : entries) {
    if (entry->offsets[0] != end)
      return fmt::format("'{}' begins at byte {}, the tensor before it ends at {}", entry->name,
                         entry->offsets[0], end);
    end = entry->offsets[1];
  }
  return end == size ? ""
                     : fmt::format("{} bytes behind the last tensor belong to nothing", size - end);
}
} // namespace

Result<Safetensors> Safetensors::read(const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.error();
  const auto refuse = [&](const std::string &why) {
    return Error{fmt::format("'{}' is not a safetensors file: {}", path, why), Exit::data};
  };
  const std::string_view text = mapped->text();
  uint64_t length = 0;
  if (text.size() < sizeof length)
    return refuse(fmt::format("it has {} bytes, fewer than 8", text.size()));
  std::memcpy(&length, text.data(), sizeof length);
  if (length > maxHeader || length > text.size() - sizeof length)
    return refuse(fmt::format("its header of {} bytes is longer than {}", length,
                              std::min<uint64_t>(maxHeader, text.size() - sizeof length)));
  const std::string_view json = text.substr(sizeof length, length),
                         numbers = text.substr(sizeof length + length);
  Header header;
  if (json.empty() || json.front() != '{')
    return refuse("its header does not begin with '{'");
  if (!Json::sax_parse(json.begin(), json.end(), &header))
    return refuse(header.problem);
  std::vector<const Entry *> entries;
  for (const Entry &entry : header.entries) {
    if (std::string why = check(entry, numbers.size()); !why.empty())
      return refuse(why);
    entries.push_back(&entry);
  }
  if (std::string why = checkOrder(std::move(entries), numbers.size()); !why.empty())
    return refuse(why);
  Safetensors result(std::move(*mapped));
  for (Entry &entry : header.entries) {
    result.byName[entry.name] = result.all.size();
    result.all.push_back({std::move(entry.name), *dtypeNamed(entry.type), std::move(entry.shape),
                          numbers.substr(entry.offsets[0], entry.offsets[1] - entry.offsets[0])});
  }
  result.texts = std::move(header.metadata);
  return result;
}

const NamedTensor *Safetensors::find(const std::string &name) const {
  const auto found = byName.find(name);
  return found == byName.end() ? nullptr : &all[found->second];
}

std::optional<Error> writeSafetensors(const std::string &path, std::span<const NamedTensor> tensors,
                                      const std::map<std::string, std::string> &metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = metadata;
  uint64_t end = 0;
  for (const NamedTensor &tensor : tensors) {
    const uint64_t begin = std::exchange(end, end + tensor.bytes.size());
    header[tensor.name] = {
        {"dtype", nameOf(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // numbers begin at a multiple of 8
  const uint64_t length = text.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const NamedTensor &tensor : tensors)
    file.write(tensor.bytes.data(), tensor.bytes.size());
  return file.commit();
}

} // namespace lnx
