// Norms: v / sqrt(q mean(v v) + eps) as the program spells it (S6). Other spellings are not seen:
// their values are bounded by the general rules or not at all.
#include "compiler/certify/Rules.h"

namespace lnx::certify {

/// The other summand where one is a number from 0 on; the step itself where there is none (S36).
static int64_t withoutConstant(const Document &document, int64_t place) {
  const Step &sum = document.program[place];
  if (sum.op != "add" || sum.of.size() != 2)
    return place;
  for (size_t i : {0, 1}) {
    const Step &number = document.program[sum.of[i]];
    if (number.op == "constant" && number.values && number.values->isAtLeast(0))
      return sum.of[1 - i];
  }
  return place;
}

/// Along the last axis.
static bool isReduction(const Step &step, const char *op) {
  return step.op == op && step.of.size() == 1 && step.number("axis").value_or(-1) == -1;
}

static bool isSquare(const Step &step, int64_t of) {
  if (step.op == "mul")
    return step.of == std::vector<int64_t>{of, of};
  return step.op == "pow" && step.of == std::vector<int64_t>{of} && step.number("exponent") == 2;
}

std::optional<Norm> matchNorm(const Document &document, int64_t place) {
  auto step = [&](int64_t at) -> const Step & { return document.program[at]; };
  if (step(place).op != "div" || step(place).of.size() != 2)
    return std::nullopt;
  int64_t v = step(place).of[0];
  const Step &rooted = step(withoutConstant(document, step(place).of[1]));
  if (rooted.op != "sqrt" || rooted.of.size() != 1 || step(v).shape != step(place).shape)
    return std::nullopt;
  const Step &square = step(withoutConstant(document, rooted.of[0]));
  bool isMean = isReduction(square, "mean");
  if ((!isMean && !isReduction(square, "sum")) || !isSquare(step(square.of[0]), v))
    return std::nullopt;
  Norm norm{v, /*isCentred=*/false, isMean ? 1 : static_cast<double>(step(v).last())};
  const Step &centred = step(v);
  if (centred.op == "sub" && centred.of.size() == 2) {
    const Step &mean = step(centred.of[1]);
    norm.isCentred = isReduction(mean, "mean") && mean.of[0] == centred.of[0];
    if (norm.isCentred)
      norm.input = centred.of[0];
  }
  return norm;
}

} // namespace lnx::certify
