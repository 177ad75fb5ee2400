// CertificateClaims: bounds of the steps that the next streams and the scores are made of. Behind a
// norm nothing is needed: whatever it is given, it bounds its result (S16..S18).
#include "compiler/stability/CertificateClaims.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;
namespace json = llvm::json;

/// Rounded to nine digits, then `units` of the last of them more.
static double nineDigits(double x, long units) {
  if (x == 0)
    return 0;
  char text[40];
  std::snprintf(text, sizeof text, "%.8e", x); // d.dddddddde+XX
  std::string digits = std::string(1, text[0]) + std::string(text + 2, 8);
  long exponent = std::strtol(text + 11, nullptr, 10) - 8;
  std::snprintf(text, sizeof text, "%lde%ld", std::strtol(digits.c_str(), nullptr, 10) + units,
                exponent);
  return std::strtod(text, nullptr);
}

double stability::nineDigits(double x) { return ::nineDigits(x, 0); }
double stability::nineDigitsUp(double x) {
  return nineDigits(x) >= x ? nineDigits(x) : ::nineDigits(x, 1);
}

static json::Value print(const Series &series) {
  if (series.isUniform())
    return nineDigits(series[0]);
  json::Array array;
  for (size_t i = 0; i < series.size(); ++i)
    array.push_back(nineDigits(series[i]));
  return array.size() == 1 ? json::Value(nineDigits(series[0])) : json::Value(std::move(array));
}

static json::Value print(const Bound &bound) {
  if (bound.isConstant())
    return print(bound.b);
  json::Object size{{"1", print(bound.b)}, {"r", print(bound.a)}};
  if (!bound.c.isZero())
    size["r2"] = print(bound.c);
  return size;
}

static void put(json::Object &claim, StringRef name, const Bound &bound) {
  if (!bound.isTop())
    claim[name] = print(bound);
}

namespace {
class Claims {
public:
  Claims(const Program &program, const Analysis &analysis)
      : program(program), analysis(analysis), isNeeded(program.steps.size()) {}
  ClaimedSteps write();

private:
  void findNeeded();
  bool losesBounds(int64_t place, const std::vector<bool> &isLost) const;
  void need(int64_t place);
  void writeStep(const ProgramStep &step, json::Object &claim);
  void writeRepeat(const ProgramStep &step, json::Object &claim);
  void writeValue(int64_t place, json::Object &claim);
  void writeScores(int64_t place, json::Object &claim);
  bool isAttention(int64_t place) const;
  bool isFound(int64_t first) const;
  bool isSpelledOtherwise(int64_t place) const;
  std::string obstacleAt(int64_t place) const;

  const Program &program;
  const Analysis &analysis;
  std::vector<bool> isNeeded;
};
} // namespace

void Claims::need(int64_t first) {
  SmallVector<int64_t> pending = {first};
  while (!pending.empty()) {
    int64_t place = pending.pop_back_val();
    if (isNeeded[place])
      continue;
    isNeeded[place] = true;
    const ProgramStep &step = program.steps[place];
    std::optional<Program::Norm> norm = program.normAt(place);
    if (norm && norm->factor >= 0)
      pending.push_back(norm->factor);
    else if (!norm && step.op != "step" && step.op != "repeat" && step.op != "end")
      llvm::append_range(pending, step.of);
  }
}

bool Claims::isAttention(int64_t place) const {
  Value value = program.steps[place].value;
  return llvm::any_of(analysis.attentions, [&](const Attention &one) {
    return value && one.op == value.getDefiningOp();
  });
}

/// A norm that lnx-certify finds, or what comes from one: times its gain, in another shape, as the
/// stream that it is.
bool Claims::isFound(int64_t first) const {
  SmallVector<int64_t> pending = {first};
  llvm::SmallDenseSet<int64_t> seen = {first};
  while (!pending.empty()) {
    int64_t place = pending.pop_back_val();
    const ProgramStep &step = program.steps[place];
    if (program.normAt(place))
      return true;
    bool isPassed =
        step.op == "mul" || step.op == "reshape" || step.op == "neg" || step.op == "law";
    for (int64_t of : step.op == "step" ? ArrayRef(step.of).drop_front() : ArrayRef(step.of))
      if ((isPassed || step.op == "step") && seen.insert(of).second)
        pending.push_back(of);
  }
  return false;
}

/// A norm that lnx-certify does not look for.
bool Claims::isSpelledOtherwise(int64_t place) const {
  const ProgramStep &step = program.steps[place];
  const Abstract *x = step.value ? analysis.find(step.value) : nullptr;
  if (!x || step.op == "step" || step.op == "repeat" || step.op == "end")
    return false;
  std::optional<Normalisation> norm = matchNormalisation(step.value);
  bool isNorm = x->norm != Abstract::Norm::none || norm;
  // Of several gains the verifier takes the first for the norm's, lnx-certify the innermost.
  bool isGainedTwice = norm && llvm::count_if(norm->factors, [](Value factor) {
                                 return !getFeatures(factor.getType()).empty();
                               }) > 1;
  return (isNorm && !isFound(place)) || isGainedTwice;
}

std::string Claims::obstacleAt(int64_t place) const {
  const ProgramStep &step = program.steps[place];
  const Abstract *x = step.value ? analysis.find(step.value) : nullptr;
  if (isSpelledOtherwise(place))
    return "a norm is spelled in a way that lnx-certify does not look for (S6)";
  bool isFrame = step.op == "step" || step.op == "repeat" || step.op == "end";
  return x && !isFrame && !x->whole.isTop() && program.ruleOf(place).empty()
             ? "lnx-certify has no rule for '" + step.op + "'"
             : "";
}

//===-- one step ---------------------------------------------------------------===//

void Claims::writeRepeat(const ProgramStep &step, json::Object &claim) {
  for (const Stack &stack : analysis.stacks) {
    if (stack.repeat != step.repeat)
      continue;
    if (stack.usesLargest)
      claim["largest"] = true;
    const Chain &chain = analysis.chains[stack.chain];
    bool isFirst = llvm::find_if(analysis.stacks, [&](const Stack &other) {
                     return other.chain == stack.chain;
                   })->repeat == stack.repeat;
    if (isFirst && chain.r0)
      claim["start"] = nineDigits(*chain.r0);
    if (isFirst && chain.peak0)
      claim["peak_start"] = nineDigits(*chain.peak0);
  }
}

void Claims::writeStep(const ProgramStep &step, json::Object &claim) {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations) {
      if (const_cast<Equation &>(equation).op.getResult() != step.value)
        continue;
      const Abstract &next = equation.next;
      Type type = step.value.getType();
      put(claim, "rms", better(next.part, partOf(next, type, lastOf(type))));
      put(claim, "peak", next.peak);
    }
}

void Claims::writeValue(int64_t place, json::Object &claim) {
  const ProgramStep &step = program.steps[place];
  const Abstract *x = step.value ? analysis.find(step.value) : nullptr;
  if (!x)
    return;
  put(claim, "rms", x->whole);
  put(claim, "across", x->across);
  put(claim, "peak", x->peak);
  int64_t count = ShapedType::getNumElements(getFeatures(step.value.getType()));
  if (x->partSize > 0 && count % x->partSize == 0 && !x->part.isTop()) {
    put(claim, "part", x->part);
    claim["block"] = x->partSize;
  }
}

void Claims::writeScores(int64_t place, json::Object &claim) {
  for (const Attention &attention : analysis.attentions)
    if (attention.op == program.steps[place].value.getDefiningOp())
      put(claim, "scores", attention.scores);
}

void Claims::findNeeded() {
  int64_t count = static_cast<int64_t>(program.steps.size());
  for (int64_t place = 0; place < count; ++place) {
    const ProgramStep &step = program.steps[place];
    if (step.op == "step")
      need(step.of[1]);
    else if (step.op == "repeat")
      need(step.of[0]);
    else if (isAttention(place))
      for (int64_t side : ArrayRef(step.of).take_front(2)) // queries and keys
        need(side);
  }
}

/// Whether nobody can follow the bounds of a step, for `isLost` of those before it.
bool Claims::losesBounds(int64_t place, const std::vector<bool> &isLost) const {
  const ProgramStep &step = program.steps[place];
  if (step.op == "end")
    return llvm::any_of(llvm::seq<int64_t>(0, place), [&](int64_t at) {
      return program.steps[at].repeat == step.repeat && isLost[at];
    });
  if (std::optional<Program::Norm> norm = program.normAt(place))
    return norm->factor >= 0 && isLost[norm->factor];
  return !obstacleAt(place).empty() ||
         llvm::any_of(step.of, [&](int64_t of) { return isLost[of]; });
}

ClaimedSteps Claims::write() {
  ClaimedSteps result;
  findNeeded();
  std::vector<bool> isLost(program.steps.size());
  for (int64_t place = 0; place < static_cast<int64_t>(isLost.size()); ++place) {
    const ProgramStep &step = program.steps[place];
    if (isSpelledOtherwise(place))
      result.anyObstacle = obstacleAt(place);
    json::Object claim;
    if (step.op == "repeat") {
      writeRepeat(step, claim);
    } else if (isNeeded[place] || step.op == "step") {
      bool isBounded = step.op == "step" ? !isLost[step.of[1]] : !losesBounds(place, isLost);
      isLost[place] = !isBounded && step.op != "step"; // a stream is r again
      if (!isBounded && result.obstacle.empty() && !obstacleAt(place).empty())
        result.obstacle = obstacleAt(place);
      if (isBounded && step.op == "step")
        writeStep(step, claim);
      else if (isBounded && step.op != "end")
        writeValue(place, claim);
    }
    bool isScored = isAttention(place) && !isLost[step.of[0]] && !isLost[step.of[1]];
    if (isScored)
      writeScores(place, claim);
    if (claim.empty())
      continue;
    claim["step"] = place;
    claim["rule"] = step.op == "step" || step.op == "repeat" ? "S47" : program.ruleOf(place);
    result.json.push_back(std::move(claim));
  }
  return result;
}

ClaimedSteps stability::claimsOf(const Program &program, const Analysis &analysis) {
  ClaimedSteps result = Claims(program, analysis).write();
  result.slopes = slopeObstacleOf(program, analysis);
  return result;
}
