// Safetensors: named tensors in one file: 8 bytes of header length, a JSON header, the numbers.
// The reader is strict: no key twice, no hole and no overlap, sizes that are shape times type.
#ifndef LNX_RUNTIME_SAFETENSORS_H
#define LNX_RUNTIME_SAFETENSORS_H

#include "lnx/dtype.h"
#include "runtime/MappedFile.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

struct NamedTensor {
  std::string name;
  Dtype type = Dtype::f32;
  std::vector<int64_t> shape;
  std::string_view bytes; // row major, little endian
};

class Safetensors {
public:
  static constexpr uint64_t maxHeader = 100'000'000;

  // Errors name the path and what is wrong with it, with the numbers.
  static Result<Safetensors> read(const std::string &path);

  const std::vector<NamedTensor> &tensors() const { return all; }
  // Null where there is none of that name.
  const NamedTensor *find(const std::string &name) const;
  const std::map<std::string, std::string> &metadata() const { return texts; }

private:
  explicit Safetensors(MappedFile file) : file(std::move(file)) {}

  MappedFile file; // all `bytes` point into it
  std::vector<NamedTensor> all;
  std::map<std::string, size_t> byName;
  std::map<std::string, std::string> texts;
};

// The file appears complete or not at all. Tensors are written in the order given.
std::optional<Error> writeSafetensors(const std::string &path, std::span<const NamedTensor> tensors,
                                      const std::map<std::string, std::string> &metadata);

} // namespace lnx

#endif
