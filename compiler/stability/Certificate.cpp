// Certificate: the program, a derivation for each choice of weights, what follows from it, and what
// is proved but not certified, with the reason.
#include "compiler/stability/Certificate.h"
#include "compiler/stability/CertificateClaims.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SHA256.h"
#include <charconv>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;
namespace json = llvm::json;

static constexpr StringRef versionKey = "lnx_certificate";
static constexpr int64_t version = 1;

//===-- conclusions ------------------------------------------------------------===//

namespace {
class Conclusions {
public:
  Conclusions(const Analysis &analysis, const ClaimedSteps &steps)
      : analysis(analysis), steps(steps) {}
  /// Adds what is certified of a verdict, and to `rest` what is not.
  void add(const Verdict &verdict, json::Array &certified, json::Array &rest) const;

private:
  std::string obstacleTo(const Verdict &verdict) const;
  std::string obstacleToGrowth(StringRef growth) const;
  void boundOf(const Verdict &verdict, json::Object &conclusion) const;
  double identityPath() const;
  bool hasOnePath(StepOp step) const;

  const Analysis &analysis;
  const ClaimedSteps &steps;
};
} // namespace

/// The class that a property states, where it states one.
static StringRef growthOf(const Verdict &verdict) {
  bool isAboutDepth = verdict.property == "forward.growth" || verdict.property == "depth.limit" ||
                      verdict.property == "forward.variance";
  return isAboutDepth ? StringRef(verdict.growth) : "";
}

/// A layer multiplies a stream by 1, but for what lnx-certify may make of it by rounding up.
static bool isNearlyOne(const StackSchedule &stack) {
  double product = 1;
  bool isPlain = true;
  for (const StepSchedule &step : stack.steps) {
    double level = 0;
    for (const std::optional<Sum> &sum : {step.a.above(), step.gain.above()})
      for (const Monomial &term : sum.value_or(Sum()))
        if (term.isConstant()) {
          isPlain &= level == 0 && term.c == 1;
          level += term.c.value();
        }
    product *= level;
  }
  return !isPlain && std::abs(product - 1) < 1e-9;
}

/// Some part of the model is known at this depth only, or lnx-certify knows it there only.
static bool isOfOneDepth(ModelOp model) {
  bool isPromised = false;
  model.walk([&](AssumeOp op) { isPromised |= op.getSchedule().has_value(); });
  return isPromised || model->hasAttr("one_depth");
}

std::string Conclusions::obstacleToGrowth(StringRef growth) const {
  if (isOfOneDepth(analysis.model))
    return "some part of the model is known at this depth only";
  for (int chain = 0; chain < static_cast<int>(analysis.chains.size()); ++chain)
    if (!growth.contains("exponential") && llvm::any_of(analysis.schedules(chain), isNearlyOne))
      return "rounding hides whether a factor is above 1";
  return "";
}

/// The step adds something to the stream before it, and to no other one.
bool Conclusions::hasOnePath(StepOp step) const {
  Value previous = resolve(step.getPrevious());
  const Abstract *stream = analysis.find(step.getPrevious());
  int paths = 0;
  for (auto [factor, term] : summandsOf(step.getNext(), /*depth=*/16, previous).terms) {
    const Abstract *x = analysis.find(term);
    if (term != previous && !(x && x->hasSkip))
      continue;
    paths += term == previous || (stream && x->epoch == stream->epoch) ? 1 : 2;
  }
  return paths == 1;
}

std::string Conclusions::obstacleTo(const Verdict &verdict) const {
  static const llvm::StringSet<llvm::MallocAllocator> known = {"forward.growth",
                                                               "depth.limit",
                                                               "forward.bound",
                                                               "forward.variance",
                                                               "forward.wellposed",
                                                               "backward.identity_path",
                                                               "attention.logit_bound",
                                                               "precision.overflow",
                                                               "backward.scale_invariance",
                                                               "backward.sensitivity_bound"};
  bool isOfSize = verdict.property == "forward.bound" || verdict.property == "forward.variance";
  if (!isOfSize && verdict.number && !std::isfinite(*verdict.number))
    return "its number is larger than any double";
  if (!known.contains(verdict.property))
    return "lnx-certify has no rule for this property";
  if (verdict.property == "backward.scale_invariance")
    return steps.anyObstacle;
  if (verdict.property == "backward.sensitivity_bound") {
    if (!verdict.number)
      return "its number is larger than any double";
    return steps.obstacle.empty() ? steps.slopes : steps.obstacle;
  }
  if (verdict.property != "backward.identity_path")
    return steps.obstacle;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      if (!hasOnePath(const_cast<Equation &>(equation).op))
        return "a step adds up several streams";
  return "";
}

/// Where the start has no number: factor times its size plus number.
void Conclusions::boundOf(const Verdict &verdict, json::Object &conclusion) const {
  if (verdict.number) {
    if (std::isfinite(*verdict.number))
      conclusion["number"] = nineDigitsUp(*verdict.number);
    return;
  }
  double factor = 1, number = 0;
  const int chain = analysis.outputChain();
  if (analysis.chains[chain].isDerived) {
    factor = 0;
    number = analysis.chains[chain].r0.value_or(INFINITY);
  }
  for (const StackSizes &own : analysis.sizes(chain))
    for (int64_t layer = 0; layer < own.stack->count; ++layer)
      for (const StepSize &step : own.steps) {
        if (step.c[layer] != 0)
          return;
        factor *= step.a[layer] + step.gain[layer];
        number = number * (step.a[layer] + step.gain[layer]) + step.b[layer];
      }
  constexpr double rounding = 1 + 1e-12; // S14
  conclusion["factor"] = nineDigitsUp(factor == 1 ? 1 : factor * rounding);
  conclusion["number"] = nineDigitsUp(number * rounding);
}

double Conclusions::identityPath() const {
  double product = 1;
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      for (int64_t layer = 0; layer < stack.count; ++layer)
        product *= equation.next.skip[layer];
  return product == 1 ? product : product * (1 + 1e-12); // S14
}

static json::Object refusal(const Verdict &verdict, const std::string &reason) {
  return json::Object{{"property", verdict.property}, {"reason", reason}};
}

void Conclusions::add(const Verdict &verdict, json::Array &certified, json::Array &rest) const {
  std::string reason = obstacleTo(verdict);
  json::Object conclusion{{"property", verdict.property}};
  StringRef growth = growthOf(verdict);
  std::string reasonOfGrowth = growth.empty() ? "" : obstacleToGrowth(growth);
  if (!growth.empty() && reasonOfGrowth.empty())
    conclusion["growth"] = growth;
  if (verdict.property == "forward.bound")
    boundOf(verdict, conclusion);
  else if (verdict.property == "backward.identity_path" && std::isfinite(identityPath()))
    conclusion["number"] = nineDigitsUp(identityPath());
  else if (verdict.number && std::isfinite(*verdict.number) &&
           verdict.property != "backward.identity_path")
    conclusion["number"] = nineDigitsUp(*verdict.number);
  bool isSaid = conclusion.size() > 1 || growth.empty();
  if (reason.empty() && isSaid)
    certified.push_back(std::move(conclusion));
  if (reason.empty() && !reasonOfGrowth.empty())
    reason = "its class of growth: " + reasonOfGrowth;
  if (reason.empty() && verdict.property == "backward.sensitivity_bound")
    reason = "its class of growth: lnx-certify has the number of this depth only";
  if (!reason.empty())
    rest.push_back(refusal(verdict, reason));
}

//===-- the file ---------------------------------------------------------------===//

/// The shortest text that reads back alike.
static void print(raw_ostream &stream, const json::Value &value) {
  if (const json::Array *array = value.getAsArray()) {
    llvm::ListSeparator comma(",");
    stream << '[';
    for (const json::Value &one : *array)
      print(stream << comma, one);
    stream << ']';
  } else if (const json::Object *object = value.getAsObject()) {
    std::vector<StringRef> keys;
    for (const auto &entry : *object)
      keys.push_back(entry.first);
    llvm::sort(keys);
    llvm::ListSeparator comma(",");
    stream << '{';
    for (StringRef key : keys)
      print(stream << comma << json::Value(key) << ':', *object->get(key));
    stream << '}';
  } else if (value.kind() == json::Value::Number && !value.getAsInteger()) {
    char text[40];
    auto end = std::to_chars(text, text + sizeof text, *value.getAsNumber()).ptr;
    stream << StringRef(text, end - text);
  } else {
    stream << value;
  }
}

/// One element a line.
static void printLines(raw_ostream &stream, StringRef key, const json::Array &array) {
  llvm::ListSeparator comma(",");
  stream << json::Value(key) << ":[";
  for (const json::Value &one : array)
    print(stream << comma << '\n', one);
  stream << "\n]";
}

static std::string printFile(const json::Object &root) {
  std::string canonical, text;
  llvm::raw_string_ostream(canonical) << json::Value(json::Object(root));
  llvm::SHA256 hash;
  hash.update(canonical);
  llvm::raw_string_ostream stream(text);
  stream << '{' << json::Value(versionKey) << ':' << version << ",\n\"digest\":\""
         << llvm::toHex(hash.final(), /*LowerCase=*/true) << "\",\n";
  for (StringRef key : {"model", "context", "one_depth"})
    print(stream << json::Value(key) << ':', *root.get(key)), stream << ",\n";
  for (StringRef key : {"assumptions", "program"})
    printLines(stream, key, *root.getArray(key)), stream << ",\n";
  stream << "\"derivations\":[";
  llvm::ListSeparator comma(",");
  for (const json::Value &value : *root.getArray("derivations")) {
    const json::Object &one = *value.getAsObject();
    stream << comma << "{\"weights\":" << *one.get("weights") << ",\n";
    printLines(stream, "steps", *one.getArray("steps"));
    stream << ",\n";
    printLines(stream, "conclusions", *one.getArray("conclusions"));
    stream << '}';
  }
  stream << "],\n";
  printLines(stream, "not_certified", *root.getArray("not_certified"));
  stream << "}\n";
  return text;
}

static json::Object fileOf(Subject &subject, Program program, json::Array derivations,
                           json::Array rest) {
  return json::Object{{versionKey, version},
                      {"model", json::fixUTF8(subject.model.getSymName())},
                      {"context", static_cast<int64_t>(subject.model.getContext())},
                      {"one_depth", isOfOneDepth(subject.model)},
                      {"assumptions", std::move(program.assumptions)},
                      {"program", std::move(program.json)},
                      {"derivations", std::move(derivations)},
                      {"not_certified", std::move(rest)}};
}

std::string stability::printCertificate(Subject &subject, const std::vector<Verdict> &verdicts) {
  Program program = programOf(subject.declared);
  json::Array derivations, rest;
  if (!program.obstacle.empty()) {
    for (const Verdict &verdict : verdicts)
      if (verdict.word == Word::proved)
        rest.push_back(refusal(verdict, program.obstacle));
    return printFile(fileOf(subject, Program(), json::Array(), std::move(rest)));
  }
  for (Basis basis : {Basis::worstCase, Basis::trajectory}) {
    const Analysis *analysis =
        basis == Basis::worstCase ? &subject.declared : subject.trajectory.get();
    std::vector<const Verdict *> proved;
    for (const Verdict &verdict : verdicts)
      if (verdict.word == Word::proved && verdict.basis == basis)
        proved.push_back(&verdict);
    if (!analysis || proved.empty())
      continue;
    json::Array certified;
    ClaimedSteps steps = claimsOf(program, *analysis);
    for (const Verdict *verdict : proved)
      Conclusions(*analysis, steps).add(*verdict, certified, rest);
    derivations.push_back(
        json::Object{{"weights", basis == Basis::worstCase ? "declared" : "trajectory"},
                     {"steps", std::move(steps.json)},
                     {"conclusions", std::move(certified)}});
  }
  for (const Verdict &verdict : verdicts)
    if (verdict.word == Word::proved && verdict.basis != Basis::worstCase &&
        verdict.basis != Basis::trajectory)
      rest.push_back(refusal(
          verdict, ("its basis is " + spelling(verdict.basis) + ", not all weights").str()));
  return printFile(fileOf(subject, std::move(program), std::move(derivations), std::move(rest)));
}

bool stability::looksLikeCertificate(StringRef text) {
  text = text.ltrim();
  return text.consume_front("{") && text.ltrim().starts_with(("\"" + versionKey + "\"").str());
}
