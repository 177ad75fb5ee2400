// WitnessWeights: as large as is declared, 1 where nothing is.
// Tables are rows of alternating signs, of mean 0: a norm gives them back (S53).
#include "compiler/stability/WitnessWeights.h"

#include "compiler/stability/Subject.h"
#include "compiler/stability/WitnessFill.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

// Products of rounded numbers must not leave the declared set.
static constexpr double inside = 1 - 1e-12;

ParameterValue stability::valueIn(ParamOp op, int64_t layer, Fill fill) {
  auto repeat = op->getParentOfType<RepeatOp>();
  int64_t number = repeat ? static_cast<int64_t>(repeat.getFirst()) + layer : 0;
  return {pathOf(op), number, number, fill};
}

ParameterValue stability::valueOf(ParamOp op, Fill fill) {
  ParameterValue value = valueIn(op, 0, fill);
  if (auto repeat = op->getParentOfType<RepeatOp>())
    value.last += static_cast<int64_t>(repeat.getCount()) - 1;
  return value;
}

bool WitnessWeights::isStochastic(ParamOp op) const {
  return llvm::any_of(analysis.assumptions.all(), [&](const Assumption &one) {
    return one.form == "doubly_stochastic" && analysis.assumptions.boundOn(one, op, 0);
  });
}

double WitnessWeights::most(ParamOp op, int64_t layer, const Fill &unit) const {
  std::optional<Norms> norms;
  double factor = INFINITY;
  for (const Assumption &one : analysis.assumptions.all()) {
    std::optional<double> bound = analysis.assumptions.boundOn(one, op, layer);
    if (!bound || !std::isfinite(*bound) || one.form == "doubly_stochastic")
      continue;
    if (!norms)
      norms = normsOf(unit, op, layer, /*headSize=*/0);
    double norm = one.form == "frobenius"     ? norms->frobenius
                  : one.form == "max"         ? norms->largest
                  : one.form == "abs_row_sum" ? norms->rowSum
                                              : norms->spectral;
    factor = std::min(factor, norm > 0 ? *bound / norm * inside : INFINITY);
  }
  return std::isfinite(factor) ? factor : 1;
}

static bool isConstant(InitAttr law) { return law.getKind() == "const"; }

static bool isZero(InitAttr law) {
  return isConstant(law) && llvm::all_of(law.getA().asArrayRef(), [](double a) { return a == 0; });
}

/// Whether it maps features: drawn at random, or a matrix that starts at zero.
static bool isMatrix(ParamOp op) {
  InitAttr law = op.getInit();
  return op.getType().getRank() >= 2 && (!isConstant(law) || isZero(law)) && !isTable(op);
}

Fill WitnessWeights::fillOf(ParamOp op, int64_t layer) const {
  Fill fill;
  if (isStochastic(op))
    return {.kind = Fill::Kind::diagonal, .value = 1};
  if (isTable(op))
    fill = {.kind = kind == Template::drawn ? Fill::Kind::normal : Fill::Kind::outer,
            .right = Direction::alternating,
            .seed = 1};
  else if (isMatrix(op))
    fill = {.kind = kind == Template::drawn ? Fill::Kind::normal : Fill::Kind::diagonal, .seed = 1};
  else if (!isZero(op.getInit()))
    fill = {.kind = Fill::Kind::initial, .seed = 1};
  else if (kind == Template::diagonal)
    return fill; // zero
  fill.value = 1;
  if (fill.kind == Fill::Kind::normal && !isTable(op))
    fill.value = 1 / std::sqrt(std::max(1.0, double(op.getType().getDimSize(0))));
  double factor = most(op, layer, fill);
  bool isLaw = fill.kind == Fill::Kind::initial || fill.kind == Fill::Kind::normal;
  fill.value *= isLaw ? std::min(1.0, factor) : factor;
  return fill;
}

std::vector<ParameterValue> WitnessWeights::quiet(RepeatOp active, int64_t layer) const {
  std::vector<ParameterValue> values;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) {
    auto repeat = op->getParentOfType<RepeatOp>();
    bool isSilent = repeat && isMatrix(op) && !isStochastic(op);
    values.push_back(valueOf(op, isSilent ? Fill() : fillOf(op, 0)));
    if (isSilent && repeat == active)
      values.push_back(valueIn(op, layer, fillOf(op, layer)));
  });
  return values;
}

ParameterValue WitnessWeights::scaled(ParamOp op, int64_t layer, double factor) const {
  Fill fill = fillOf(op, layer);
  if (fill.value == 0)
    fill = {.kind = op.getType().getRank() == 1 ? Fill::Kind::outer : Fill::Kind::constant,
            .value = 1,
            .right = Direction::alternating};
  fill.value *= factor;
  return valueIn(op, layer, fill);
}

//===-- what evaluation says -------------------------------------------------===//

void WitnessWeights::fit(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const {
  fitNorms(values, tokens);
  fitEmbeddings(values, tokens);
}

/// A gain is its parameter plus or times numbers: moved by as much as it is too large.
void WitnessWeights::fitNorms(std::vector<ParameterValue> &values, ArrayRef<int64_t> tokens) const {
  for (const Assumption &one : analysis.assumptions.all())
    for (const NormPart &part : analysis.normParts) {
      SmallVector<ParamOp> params = parametersBehind(part.value);
      if (!isAbout(one, part) || one.isLower || params.size() != 1)
        continue;
      WitnessRun run(analysis.model, values, tokens);
      std::optional<double> is = sizeOf(part, run, 0, one.form == "norm.bias.rms");
      const Fill *fill = run.fillOf(params.front(), 0);
      double most = one.bound.smallest();
      if (!is || !fill || *is <= most)
        continue;
      Array now = materialise(*fill, params.front(), 0);
      double moved = part.isBias ? 0 : (now.data.empty() ? 0 : now.data.front()) - *is + most;
      values.push_back(valueOf(params.front(), {.value = moved}));
    }
}

void WitnessWeights::fitEmbeddings(std::vector<ParameterValue> &values,
                                   ArrayRef<int64_t> tokens) const {
  uint64_t ignored = 0;
  std::optional<Series> most = analysis.assumptions.number("x0.rms", ignored);
  std::optional<Series> least = analysis.assumptions.number("x0.std", ignored);
  if (!most && !least)
    return;
  WitnessRun run(analysis.model, values, tokens);
  double factor = INFINITY;
  for (Value root : embeddingsOf(analysis))
    if (FailureOr<Array> x = run.at(root, 0); succeeded(x)) {
      auto [rms, deviation] = rmsAndDeviation(*x);
      if (rms > 0)
        factor = std::min(factor, most            ? (*most)[0] / rms * inside
                                  : deviation > 0 ? std::max(1.0, (*least)[0] / deviation / inside)
                                                  : 1);
    }
  if (!std::isfinite(factor))
    return;
  std::vector<ParameterValue> moved;
  const_cast<Analysis &>(analysis).model.walk([&](ParamOp op) {
    const Fill *fill = run.fillOf(op, 0);
    if (!isTable(op) || op->getParentOfType<RepeatOp>() || !fill)
      return;
    Fill scaled = *fill;
    scaled.value *= factor;
    moved.push_back(valueOf(op, scaled));
  });
  llvm::append_range(values, moved);
}
