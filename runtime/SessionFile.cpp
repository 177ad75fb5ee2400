// SessionFile: parameters, moments and the count of steps of a session in one file.
// Loading checks everything before it changes anything.
#include "lnx/runtime.h"
#include "runtime/Safetensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lnx {
namespace {
constexpr const char *stepsKey = "lnx.steps";

/// What a session keeps of one parameter, and under which name.
struct Part {
  std::string name;
  const std::vector<int64_t> *shape;
  Dtype type;
  std::span<float> numbers;
  bool isMoment;
};

std::vector<Part> partsOf(const std::vector<ParameterView> &parameters) {
  std::vector<Part> parts;
  for (const ParameterView &parameter : parameters) {
    parts.push_back({parameter.name, &parameter.shape, parameter.dtype, parameter.value, false});
    parts.push_back({"m/" + parameter.name, &parameter.shape, parameter.dtype, parameter.m, true});
    parts.push_back({"v/" + parameter.name, &parameter.shape, parameter.dtype, parameter.v, true});
  }
  return parts;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Why the file's tensor cannot be the part, or nothing.
std::string check(const Part &part, const NamedTensor *tensor) {
  if (!tensor)
    return part.isMoment ? "" : fmt::format("it has no '{}'", part.name);
  if (tensor->type != part.type || tensor->shape != *part.shape)
    return fmt::format("its '{}' is {} {}, the model's is {} {}", part.name, nameOf(tensor->type),
                       shapeText(tensor->shape), nameOf(part.type), shapeText(*part.shape));
  return "";
}
} // namespace

std::optional<Error> Session::save(const std::string &path) const {
  std::vector<NamedTensor> tensors;
  if (auto error = fetchValues())
    return error;
  const std::vector<ParameterView> parameters = views();
  for (const Part &part : partsOf(parameters))
    tensors.push_back(
        {part.name,
         part.type,
         *part.shape,
         {reinterpret_cast<const char *>(part.numbers.data()), part.numbers.size_bytes()}});
  return writeSafetensors(path, tensors, {{"format", "pt"}, {stepsKey, std::to_string(steps())}});
}

std::optional<Error> Session::load(const std::string &path) {
  const Result<Safetensors> file = Safetensors::read(path);
  if (!file)
    return file.error();
  const auto refuse = [&](const std::string &why) {
    return Error{fmt::format("'{}' does not fit the model: {}", path, why), Exit::data};
  };
  const std::vector<ParameterView> parameters = views();
  const std::vector<Part> parts = partsOf(parameters);
  size_t used = 0;
  for (const Part &part : parts) {
    const NamedTensor *tensor = file->find(part.name);
    if (std::string why = check(part, tensor); !why.empty())
      return refuse(why);
    used += tensor != nullptr;
  }
  if (used != file->tensors().size())
    for (const NamedTensor &tensor : file->tensors())
      if (std::ranges::none_of(parts, [&](const Part &part) { return part.name == tensor.name; }))
        return refuse(fmt::format("the model has no '{}'", tensor.name));
  int64_t count = 0;
  if (const auto text = file->metadata().find(stepsKey); text != file->metadata().end()) {
    const std::string &digits = text->second;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (code != std::errc() || end != digits.data() + digits.size() || count < 0)
      return refuse(fmt::format("its count of steps is '{}'", digits));
  }
  lendEverything();
  for (const Part &part : parts) {
    if (const NamedTensor *tensor = file->find(part.name))
      std::memcpy(part.numbers.data(), tensor->bytes.data(), tensor->bytes.size());
    else
      std::ranges::fill(part.numbers, 0.0f);
  }
  for (const ParameterView &parameter : parameters)
    std::ranges::fill(parameter.gradient, 0.0f);
  setSteps(count);
  return std::nullopt;
}

} // namespace lnx
