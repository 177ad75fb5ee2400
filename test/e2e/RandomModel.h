// RandomModel: random programs of the language that elaborate, small enough for the evaluator.
// The same seed gives the same program on every machine.
#pragma once

#include <cstdint>
#include <string>

namespace lnx::e2e {

/// A program and a micro-batch that suits it.
struct RandomModel {
  std::string text;
  int64_t vocabulary = 0, batch = 0, time = 0;
};

RandomModel makeRandomModel(uint64_t seed);

} // namespace lnx::e2e
