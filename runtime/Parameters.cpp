// Parameters: names, bounds, initial values and hash of what a program learns.
// Value i of a layer depends on seed, full name and i only.
#include "Parameters.h"

#include "Random.h"

#include <xxhash.h>

#include <algorithm>

using namespace lnx;

namespace {

// Values of one task; even, so that pairs of normals are not cut.
constexpr int64_t taskValues = 1 << 14;

struct Layer {
  RandomSequence sequence;
  int32_t init;
  double a, b;
  int64_t rows, columns; // the last two dimensions
  float *values;
  int64_t count;
};

void fillIdentity(const Layer &layer, int64_t lo, int64_t hi) {
  for (int64_t i = lo; i < hi; ++i)
    layer.values[i] = i / layer.columns % layer.rows == i % layer.columns ? 1 : 0;
}

void fillLayer(const Layer &layer, int64_t lo, int64_t hi) {
  const std::span<float> values(layer.values + lo, static_cast<size_t>(hi - lo));
  switch (layer.init) {
  case LNX_INIT_NORMAL:
    return layer.sequence.normals(static_cast<uint64_t>(lo), values, layer.a);
  case LNX_INIT_UNIFORM:
    return layer.sequence.uniforms(static_cast<uint64_t>(lo), values, layer.a, layer.b);
  case LNX_INIT_IDENTITY:
    return fillIdentity(layer, lo, hi);
  default:
    std::fill(values.begin(), values.end(), static_cast<float>(layer.a));
  }
}

std::span<const lnx_parameter> table(const lnx_program &program) {
  return {program.parameters, static_cast<size_t>(program.parameter_count)};
}

} // namespace

std::optional<int64_t> lnx::layerFloats(const lnx_parameter &parameter) {
  if (parameter.rank < 0 || parameter.rank > 4)
    return std::nullopt;
  int64_t count = 1;
  for (int32_t i = 0; i < parameter.rank; ++i)
    if (parameter.shape[i] < 0 || __builtin_mul_overflow(count, parameter.shape[i], &count))
      return std::nullopt;
  return count;
}

std::string lnx::layerName(const lnx_parameter &parameter, int64_t index) {
  const bool repeated = parameter.first_layer != 0 || parameter.layers > 1;
  return repeated ? std::to_string(parameter.first_layer + index) + "." + parameter.name
                  : std::string(parameter.name);
}

std::optional<Error> lnx::checkParameters(const lnx_program &program) {
  if (program.parameter_count < 0 || program.state_floats < 0 || program.state_floats % 1024 != 0)
    return Error{"the program's parameter arena of " + std::to_string(program.state_floats) +
                 " floats is not a multiple of 1024"};
  for (const lnx_parameter &parameter : table(program)) {
    auto count = layerFloats(parameter);
    int64_t end = 0;
    if (!count || parameter.layers < 0 || parameter.offset < 0 ||
        __builtin_mul_overflow(*count, parameter.layers, &end) ||
        __builtin_add_overflow(end, parameter.offset, &end) || end > program.state_floats)
      return Error{"parameter '" + std::string(parameter.name) + "' does not lie inside the " +
                   std::to_string(program.state_floats) + " floats of the program's arena"};
  }
  return std::nullopt;
}

void lnx::initialiseParameters(const lnx_program &program, uint64_t seed, const Device &device,
                               float *arena) {
  for (const lnx_parameter &parameter : table(program)) {
    const int64_t count = layerFloats(parameter).value_or(0);
    for (int64_t index = 0; index < parameter.layers; ++index) {
      const int32_t rank = parameter.rank;
      const Layer layer{RandomSequence(seed, layerName(parameter, index)),
                        parameter.init,
                        parameter.init_a ? parameter.init_a[index] : 0,
                        parameter.init_b ? parameter.init_b[index] : 0,
                        rank >= 2 ? parameter.shape[rank - 2] : 1,
                        rank >= 1 ? parameter.shape[rank - 1] : 1,
                        arena + parameter.offset + index * count,
                        count};
      device.parallel(count, taskValues,
                      [&layer](int64_t lo, int64_t hi) { fillLayer(layer, lo, hi); });
    }
  }
}

uint64_t lnx::hashParameters(const lnx_program &program, const float *arena) {
  uint64_t hash = 0;
  for (const lnx_parameter &parameter : table(program)) {
    const int64_t count = layerFloats(parameter).value_or(0) * parameter.layers;
    hash = XXH3_64bits_withSeed(arena + parameter.offset,
                                static_cast<size_t>(count) * sizeof(float), hash);
  }
  return hash;
}
