// Assumptions: reading `assume`, and what each form says about a parameter.
// Short names W_Q ... W_d are the matrices of the prelude's attn, mlp and glu.
#include "compiler/stability/Assumptions.h"
#include "compiler/stability/Subject.h"
#include "compiler/stability/Trajectory.h"
#include "dialect/LayerRange.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static Series boundOf(Attribute attribute) {
  if (auto number = dyn_cast_if_present<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto numbers = dyn_cast_if_present<DenseF64ArrayAttr>(attribute))
    return Series(numbers.asArrayRef());
  return Series::top();
}

/// As a promise gives it. No size is less than 0, whatever an upper bound becomes at other depths.
static Series boundOf(AssumeOp op) {
  if (!op.getBoundAttr())
    return Series::top();
  Series here = boundOf(op.getBoundAttr());
  if (!here.isFinite())
    return here;
  std::vector<double> values(here.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = here[i];
  Series bound = seriesOf(values, op.getScheduleAttr(), op->getParentOfType<RepeatOp>());
  return op.getRelation() == ">=" || !op.getSchedule() ? bound : larger(bound, 0.0);
}

Series Assumption::overLayers() const {
  const Series one = isLower ? bound.smallest() : bound.largest();
  if (!bound.hasSchedule())
    return one;
  const Schedule schedule = bound.schedule();
  return one.with(schedule.isOfLayer() ? Schedule::unknown(/*ofLayer=*/false) : schedule);
}

/// A bound that holds at this depth; at others there is one that is not known.
static Series onlyHere(const Series &bound) { return bound.with(*Schedule::parse("0 .. ?")); }

static std::string printClaim(StringRef path, DictionaryAttr arguments, StringRef relation,
                              Attribute bound) {
  std::string text = path.str();
  if (arguments) {
    std::vector<std::string> parts;
    for (NamedAttribute argument : arguments)
      if (auto name = dyn_cast<StringAttr>(argument.getValue()))
        parts.push_back(name.str());
      else if (auto number = dyn_cast<FloatAttr>(argument.getValue()))
        parts.push_back(argument.getName().str() + " = " + printNumber(number.getValueAsDouble()));
    text += "(" + llvm::join(parts, ", ") + ")";
  }
  if (!relation.empty() && bound) {
    Series series = boundOf(bound);
    text +=
        " " + relation.str() + " " +
        (series.isUniform() ? printNumber(series[0]) : printNumber(series.largest()) + " at most");
  }
  return text;
}

FailureOr<Assumptions> Assumptions::read(ModelOp model) {
  Assumptions result;
  model.walk([&](ParamOp op) { result.paths.push_back(op.getPath().str()); });
  model.walk([&](AssumeOp op) {
    Assumption one;
    one.op = op;
    one.form = op.getPath() == "gain" ? "norm.gain" : op.getPath().str();
    one.isLower = op.getRelation() == ">=";
    one.bound = boundOf(op);
    one.text = printClaim(op.getPath(), op.getArgumentsAttr(), op.getRelation(), op.getBoundAttr());
    if (op.getSchedule())
      one.text += " at this depth";
    if (DictionaryAttr arguments = op.getArgumentsAttr())
      if (auto path = arguments.getAs<StringAttr>("path"))
        one.path = path.str();
    result.list.push_back(std::move(one));
  });
  if (failed(result.check(model)))
    return failure();
  return result;
}

std::optional<Series> Assumptions::number(StringRef form, uint64_t &grounds) const {
  std::optional<Series> best;
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i].form == form) {
      const Series one = list[i].overLayers();
      if (!best || (list[i].isLower ? one[0] > (*best)[0] : one[0] < (*best)[0])) {
        best = one;
        grounds |= bitOf(i);
      }
    }
  return best;
}

const Assumption *Assumptions::optimizer() const {
  for (const Assumption &one : list)
    if (one.form == "adamw" || one.form == "sgd" || one.form == "muon")
      return &one;
  return nullptr;
}

const Assumption *Assumptions::objective() const {
  for (const Assumption &one : list)
    if (one.form == "l2")
      return &one;
  return nullptr;
}

//===-- matching -------------------------------------------------------------===//

bool Assumptions::matches(const Assumption &one, ParamOp op) const {
  Operation *scope = const_cast<Assumption &>(one).op->getParentOp();
  if (!scope->isProperAncestor(op))
    return false;
  StringRef path = op.getPath(), name = one.path;
  StringRef layer = name.split('.').first;
  if (!layer.empty() && layer.find_first_not_of("0123456789") == StringRef::npos)
    name = name.split('.').second;
  static constexpr std::pair<const char *, const char *> aliases[] = {
      {"W_Q", "q.W"},    {"W_K", "k.W"},    {"W_V", "v.W"},  {"W_O", "o.W"},   {"W_1", "up.W"},
      {"W_2", "down.W"}, {"W_g", "gate.W"}, {"W_u", "up.W"}, {"W_d", "down.W"}};
  for (auto [alias, end] : aliases)
    if (name == alias) {
      if (!endsWithPath(path, end))
        return false;
      StringRef prefix = path.drop_back(StringRef(end).size());
      bool isGated = llvm::is_contained(paths, (prefix + "gate.W").str());
      bool isMlp = name == "W_1" || name == "W_2", isGlu = name == "W_u" || name == "W_d";
      return isMlp ? !isGated : !isGlu || isGated;
    }
  return endsWithPath(path, name);
}

/// A bound of one layer's parameter holds in that layer only.
static Series inLayer(const Assumption &one, ParamOp op) {
  StringRef layer = StringRef(one.path).split('.').first;
  int64_t number = 0;
  auto repeat = op->getParentOfType<RepeatOp>();
  if (!repeat || layer.getAsInteger(10, number))
    return one.bound;
  std::vector<double> values(repeat.getCount(), std::numeric_limits<double>::infinity());
  int64_t index = number - static_cast<int64_t>(repeat.getFirst());
  if (index >= 0 && index < static_cast<int64_t>(values.size()))
    values[index] = one.bound[0];
  return onlyHere(Series(values));
}

std::optional<double> Assumptions::boundOn(const Assumption &one, ParamOp op, int64_t layer) const {
  if (one.path.empty() || !matches(one, op))
    return std::nullopt;
  int64_t number = 0;
  auto repeat = op->getParentOfType<RepeatOp>();
  if (!repeat || StringRef(one.path).split('.').first.getAsInteger(10, number))
    return one.bound[layer];
  return number == static_cast<int64_t>(repeat.getFirst()) + layer ? one.bound[0] : INFINITY;
}

void Assumptions::tighten(Series &bound, const Assumption &one, uint64_t bit, Abstract &x,
                          ParamOp op) const {
  Series declared = inLayer(one, op);
  Series tighter = smaller(bound, declared);
  if (tighter == bound)
    return;
  bound = tighter;
  x.grounds |= bit;
}

//===-- initial values and optimizers -----------------------------------------===//

double stability::adamBound(double beta1, double beta2) { return adamwStep(beta1, beta2); }

// The runtime's normal numbers lie within 9 standard deviations.
double stability::largestInitial(InitAttr init) {
  double largest = 0;
  for (double a : init.getA().asArrayRef())
    largest = std::max(largest, std::abs(a));
  for (double b : init.getB().asArrayRef())
    if (init.getKind() == "uniform")
      largest = std::max(largest, std::abs(b));
  return init.getKind() == "normal" ? 9 * largest : largest;
}

// A typical entry, signed where all are alike, and the variance of one.
static Series typicalInitial(ParamOp op, Series &variance) {
  InitAttr init = op.getInit();
  auto repeat = op->getParentOfType<RepeatOp>();
  Series a = seriesOf(init.getA(), init.getASchedule(), repeat);
  Series b = seriesOf(init.getB(), init.getBSchedule(), repeat);
  if (init.getKind() == "normal")
    variance = a * a;
  else if (init.getKind() == "uniform")
    variance = Series(1.0 / 12) * ((b + negated(a)) * (b + negated(a)));
  if (init.getKind() == "const" || init.getKind() == "identity")
    return a;
  return sqrt(variance);
}

static double argument(AssumeOp op, StringRef name, double otherwise) {
  DictionaryAttr arguments = op.getArgumentsAttr();
  auto number = arguments ? arguments.getAs<FloatAttr>(name) : FloatAttr();
  return number ? number.getValueAsDouble() : otherwise;
}

/// Largest |entry| a parameter reaches (S73, S74), or its spectral norm (S75).
static void applyOptimizer(const Assumption &one, ParamOp op, Abstract &x, Series &peak) {
  AssumeOp assume = one.op;
  double lr = argument(assume, "lr", INFINITY), steps = argument(assume, "steps", INFINITY);
  double decay = argument(assume, "decay", 0), start = largestInitial(op.getInit());
  if (op.getType().getRank() < 2)
    decay = 0;
  double size = std::sqrt(double(op.getType().getNumElements()));
  if (one.form == "sgd") {
    Sgd sgd{lr, steps, argument(assume, "clip", INFINITY)};
    x.frobenius = smaller(x.frobenius, sgdFrobeniusBound(size * start, sgd));
    peak = smaller(peak, sgdFrobeniusBound(start, sgd));
  } else if (one.form == "adamw") {
    AdamW adamw{lr, steps, decay, argument(assume, "beta1", 0.9), argument(assume, "beta2", 0.95)};
    peak = smaller(peak, adamwEntryBound(start, adamw));
  } else if (one.form == "muon" && op.getType().getRank() == 2) {
    Muon muon{lr, steps, decay, argument(assume, "size", 1)};
    x.spectral = smaller(x.spectral, muonSpectralBound(start * size, muon));
  }
}

//===-- parameters -----------------------------------------------------------===//

Abstract Assumptions::parameter(ParamOp op, Weights weights, int64_t headSize) const {
  Abstract x;
  x.isFixed = true;
  x.slope = Slope::none();
  x.partSize = headSize;
  RankedTensorType type = op.getType();
  double size = static_cast<double>(type.getNumElements());
  int64_t rank = type.getRank();
  Series peak = Series::top();
  for (size_t i = 0; i < list.size(); ++i) {
    const Assumption &one = list[i];
    uint64_t bit = bitOf(i);
    if (one.path.empty() || !matches(one, op))
      continue;
    if (one.form == "spectral")
      tighten(x.spectral, one, bit, x, op);
    else if (one.form == "frobenius")
      tighten(x.frobenius, one, bit, x, op);
    else if (one.form == "perhead")
      tighten(x.perhead, one, bit, x, op);
    else if (one.form == "max")
      tighten(peak, one, bit, x, op);
    else if (one.form == "abs_row_sum")
      tighten(x.rowSum, one, bit, x, op);
    else if (one.form == "doubly_stochastic") {
      x.rowSum = smaller(x.rowSum, 1.0);
      x.spectral = smaller(x.spectral, 1.0); // a mean of permutations
      peak = smaller(peak, 1.0);
      x.grounds |= bit;
    }
  }
  applySizes(op, x, peak);
  auto isBounded = [&] {
    return peak.isFinite() || x.frobenius.isFinite() || (rank == 2 && x.spectral.isFinite()) ||
           x.perhead.isFinite() || x.rowSum.isFinite();
  };
  if (weights == Weights::bounded && !isBounded())
    peak = 1.0;
  if (weights == Weights::trajectory && !isBounded())
    if (const Assumption *one = optimizer()) {
      applyOptimizer(*one, op, x, peak);
      if (op.getInit().getASchedule() || op.getInit().getBSchedule()) {
        x.frobenius = onlyHere(x.frobenius);
        x.spectral = onlyHere(x.spectral);
        peak = onlyHere(peak);
      }
      x.grounds |= uint64_t(1) << std::min<size_t>(one - list.data(), 63);
    }
  x.frobenius = smaller(x.frobenius, Series(std::sqrt(size)) * peak);
  if (rank == 2)
    x.frobenius = smaller(
        x.frobenius,
        Series(std::sqrt(double(std::min(type.getDimSize(0), type.getDimSize(1))))) * x.spectral);
  peak = smaller(peak, x.frobenius);
  peak = smaller(peak, x.spectral);
  x.spectral = smaller(x.spectral, x.frobenius);
  x.peak = Bound::constant(peak);
  x.whole = Bound::constant(Series(1 / std::sqrt(size)) * x.frobenius);
  x.part = x.peak;
  x.across = x.whole;
  if (rank <= 1)
    x.partSize = 1;
  if (!isBounded()) {
    x.carriers = {op.getResult()};
    x.culprit = op;
  }
  x.degrees = {{op.getResult(), Degree::of(1)}};
  x.initial = typicalInitial(op, x.variance);
  return x;
}

void Assumptions::applyGain(Abstract &gain, Operation *place) const {
  for (size_t i = 0; i < list.size(); ++i) {
    auto op = const_cast<Assumption &>(list[i]).op;
    if (list[i].form != "norm.gain" || !op->getParentOp()->isProperAncestor(place))
      continue;
    if (list[i].isLower) { // positive from there on; it bounds nothing from above
      gain.low = larger(gain.low, list[i].bound);
      gain.lowGrounds |= bitOf(i);
      continue;
    }
    Series tighter = smaller(gain.peak.b, list[i].bound);
    if (gain.peak.isConstant() && tighter == gain.peak.b)
      continue;
    gain.peak = Bound::constant(tighter);
    gain.whole = better(gain.whole, gain.peak);
    gain.part = better(gain.part, gain.peak);
    gain.across = better(gain.across, gain.peak);
    gain.carriers.clear();
    gain.culprit = nullptr;
    gain.grounds |= bitOf(i);
  }
}

void Assumptions::applyBias(Abstract &bias, Operation *place, double size) const {
  for (size_t i = 0; i < list.size(); ++i) {
    auto op = const_cast<Assumption &>(list[i]).op;
    bool isRms = list[i].form == "norm.bias.rms", isMax = list[i].form == "norm.bias.max";
    if ((!isRms && !isMax) || !op->getParentOp()->isProperAncestor(place))
      continue;
    Bound bound = Bound::constant(list[i].bound);
    if (isMax)
      bias.peak = better(bias.peak, bound);
    bias.whole = better(bias.whole, bound);
    if (isMax) {
      bias.part = better(bias.part, bias.peak);
      bias.across = better(bias.across, bias.peak);
    } else {
      bias.across = bias.whole; // the same row everywhere
      bias.peak = better(bias.peak, Series(std::sqrt(size)) * bias.whole);
    }
    bias.carriers.clear();
    bias.culprit = nullptr;
    bias.grounds |= bitOf(i);
  }
}

//===-- laws -----------------------------------------------------------------===//

uint64_t Assumptions::addLaw(LawOp op) {
  auto apply = op->getParentOfType<ApplyOp>();
  std::string of = apply ? " of '" + apply.getCallee().str() + "'" : "";
  std::string text =
      printClaim("law " + op.getPath().str(), {}, op.getRelation(), op.getBoundAttr());
  laws.push_back({op, text + of});
  return uint64_t(1) << std::min<size_t>(list.size() + laws.size() - 1, 63);
}

std::vector<std::string> Assumptions::lawsOf(uint64_t grounds) const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < laws.size(); ++i)
    if ((grounds >> std::min<size_t>(list.size() + i, 63)) & 1)
      texts.push_back(laws[i].second);
  return texts;
}

std::vector<std::string> Assumptions::textOf(uint64_t grounds) const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < list.size(); ++i)
    if ((grounds >> std::min<size_t>(i, 63)) & 1)
      texts.push_back(list[i].text);
  for (std::string &law : lawsOf(grounds))
    texts.push_back(std::move(law));
  return texts;
}
