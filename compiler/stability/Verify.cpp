// Verify: the runs over a model, then every property of Properties.def, then the model's checks.
#include "compiler/stability/Certificate.h"
#include "compiler/stability/WitnessSearch.h"
#include "compiler/stability/WitnessTight.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

namespace {
struct Entry {
  Property *property;
  StringRef names;
};
} // namespace

static constexpr Entry properties[] = {
#define PROPERTY(function, names) {function, names},
#include "compiler/stability/Properties.def"
};

std::vector<std::string> stability::propertyNames() {
  std::vector<std::string> all;
  for (const Entry &entry : properties)
    for (StringRef name : llvm::split(entry.names, ' '))
      all.push_back(name.str());
  return all;
}

bool stability::isNamed(StringRef property, ArrayRef<std::string> names) {
  StringRef last = property.substr(property.rfind('.') + 1);
  return names.empty() ||
         llvm::any_of(names, [&](StringRef name) { return name == property || name == last; });
}

/// What the options ask for, and what the model's own checks do.
static std::vector<std::string> wanted(ModelOp model, const VerifyOptions &options) {
  std::vector<std::string> names = options.properties;
  if (!names.empty())
    model.walk([&](CheckOp op) { names.push_back(op.getPath().str()); });
  return names;
}

static std::string textOf(CheckOp op) {
  std::string text = op.getPath().str();
  if (auto word = dyn_cast_if_present<StringAttr>(op.getBoundAttr()))
    text += " " + op.getRelation().str() + " " + word.getValue().str();
  else if (auto number = dyn_cast_if_present<FloatAttr>(op.getBoundAttr()))
    text += " " + op.getRelation().str() + " " + printNumber(number.getValueAsDouble());
  return text;
}

/// Compares what was proved with what is asked; a missing number is never enough.
static void compare(CheckOutcome &outcome, CheckOp op, const Verdict &verdict) {
  outcome.word = verdict.word;
  if (op.getRelation() == ">=") {
    outcome.word = Word::unknown;
    outcome.reason = "upper bounds say nothing about '>='";
    return;
  }
  if (auto word = dyn_cast_if_present<StringAttr>(op.getBoundAttr())) {
    std::optional<Growth> asked = Growth::parse(word.str());
    std::optional<Growth> upper = Growth::parse(verdict.growth);
    std::optional<Growth> lower = Growth::parse(verdict.lowerGrowth);
    outcome.word = asked && upper && *upper <= *asked                          ? Word::proved
                   : asked && lower && *asked <= *lower && !(*lower == *asked) ? Word::refuted
                                                                               : Word::unknown;
    outcome.reason = (verdict.growth.empty() ? "no class is known" : verdict.growth) +
                     ", asked for " + word.str();
  } else if (auto number = dyn_cast_if_present<FloatAttr>(op.getBoundAttr())) {
    double asked = number.getValueAsDouble();
    bool isMet = verdict.number && verdict.word == Word::proved && *verdict.number <= asked;
    outcome.word = isMet                           ? Word::proved
                   : verdict.word == Word::refuted ? Word::refuted
                                                   : Word::unknown;
    outcome.reason = (verdict.number ? printNumber(*verdict.number) : "no number is known") +
                     ", asked for at most " + printNumber(asked);
  } else {
    outcome.reason = spelling(verdict.word).str();
  }
}

/// What a verdict of a basis is about where that is less than all weights.
static StringRef scopeOf(Basis basis) {
  return basis == Basis::trajectory ? ", for weights that the optimizer reaches"
         : basis == Basis::optimum  ? ", for minimisers of the objective"
                                    : "";
}

static CheckOutcome outcomeOf(CheckOp op, const std::vector<Verdict> &verdicts) {
  CheckOutcome outcome;
  outcome.text = textOf(op);
  outcome.property = op.getPath().str();
  outcome.where = op.getLoc();
  outcome.reason = "no verdict on this property";
  bool isFirst = true;
  for (const Verdict &verdict : verdicts)
    if (verdict.property == outcome.property) {
      CheckOutcome one = outcome;
      compare(one, op, verdict);
      if (one.word == Word::proved)
        one.reason += scopeOf(verdict.basis);
      if (isFirst || one.word == Word::proved)
        outcome = one;
      isFirst = false;
    }
  return outcome;
}

/// The largest number that a check wants a property to stay below.
static double largestAsked(ModelOp model, StringRef property) {
  double largest = 0;
  model.walk([&](CheckOp op) {
    auto number = dyn_cast_if_present<FloatAttr>(op.getBoundAttr());
    if (op.getPath() == property && number && std::isfinite(number.getValueAsDouble()))
      largest = std::max(largest, number.getValueAsDouble());
  });
  return largest;
}

/// REFUTED is said with a witness that was evaluated, or not at all (S2).
static void addWitness(Subject &subject, Verdict &verdict) {
  if (verdict.word != Word::refuted)
    return;
  verdict.witness = findWitness(subject, verdict, largestAsked(subject.model, verdict.property));
  if (verdict.witness) {
    verdict.details.push_back("witness: " + describe(*verdict.witness));
    return;
  }
  verdict.word = Word::unknown;
  verdict.lowerGrowth.clear();
  verdict.details.push_back("no weights were found that violate it");
}

/// A proved number or class that is larger than asked for: weights that are larger, too (S57, S68).
static void refuteByWeights(Subject &subject, CheckOp op, CheckOutcome &outcome) {
  auto number = dyn_cast_if_present<FloatAttr>(op.getBoundAttr());
  auto word = dyn_cast_if_present<StringAttr>(op.getBoundAttr());
  if (outcome.word != Word::unknown || op.getRelation() == ">=")
    return;
  if (word && outcome.property == "forward.growth") {
    Growth lower = subject.lowerGrowth();
    std::optional<Growth> asked = Growth::parse(word.str());
    if (asked && *asked <= lower && !(*asked == lower))
      outcome.witness = tightGrowth(subject.declared, subject.options);
  } else if (number && outcome.property == "forward.bound") {
    std::optional<TightWitness> tight = tightWitness(subject.declared);
    if (tight && tight->witness.measured > number.getValueAsDouble()) {
      outcome.witness = tight->witness;
      outcome.witness->limit = number.getValueAsDouble();
    }
  }
  if (!outcome.witness)
    return;
  outcome.word = Word::refuted;
  outcome.reason += "; a witness has " + printNumber(outcome.witness->measured);
}

/// S110, from the verdicts.
static Score rated(Subject &subject, const std::vector<Verdict> &verdicts) {
  auto find = [&](StringRef property) {
    auto found = llvm::find_if(verdicts, [&](const Verdict &v) { return v.property == property; });
    return found == verdicts.end() ? nullptr : &*found;
  };
  auto classOf = [&](StringRef property) {
    const Verdict *verdict = find(property);
    return verdict ? Growth::parse(verdict->growth) : std::nullopt;
  };
  auto isProved = [&](StringRef property) {
    const Verdict *verdict = find(property);
    return verdict && verdict->word == Word::proved;
  };
  ScoreFacts facts;
  facts.growth = subject.growth(Weights::bounded);
  facts.steps = subject.totalStep();
  facts.isWellPosed = isProved("forward.wellposed");
  facts.profile = classOf("backward.init_gradient_profile");
  facts.update = classOf("deepnorm.update_bound");
  facts.rank = classOf("rank_collapse");
  facts.areLogitsBounded = !find("attention.logit_bound") || isProved("attention.logit_bound");
  facts.isInRange = isProved("precision.overflow");
  return stability::scoreOf(facts);
}

/// All but verdicts.
static Report begin(Subject &subject) {
  Report report;
  report.model = subject.model.getSymName().str();
  report.depth = subject.declared.layers();
  if (!subject.declared.chains.empty())
    report.width = subject.declared.chains[subject.declared.outputChain()].width;
  report.normalForm = printNormalForm(subject.declared);
  for (const Assumption &assumption : subject.assumptions.all())
    report.assumptions.push_back(assumption.text);
  for (Value carrier : subject.carriers(subject.declared))
    report.carriers.push_back(pathOf(carrier.getDefiningOp<ParamOp>()));
  report.laws = subject.assumptions.lawsOf(subject.grounds(subject.declared));
  return report;
}

FailureOr<Report> stability::verify(ModuleOp spec, const VerifyOptions &options) {
  auto models = spec.getOps<ModelOp>();
  if (models.empty())
    return spec.emitError("there is no model to verify");
  ModelOp model = *models.begin();
  FailureOr<Assumptions> assumptions = Assumptions::read(model);
  if (failed(assumptions))
    return failure();
  Subject subject(model, *assumptions, options);
  for (const Remark &contradiction : subject.declared.contradictions)
    emitError(contradiction.where.value_or(model.getLoc())) << contradiction.text;
  if (!subject.declared.contradictions.empty())
    return failure();
  Report report = begin(subject);
  std::vector<std::string> names = wanted(model, options);
  for (const Entry &entry : properties)
    if (llvm::any_of(llvm::split(entry.names, ' '),
                     [&](StringRef name) { return isNamed(name, names); }))
      entry.property(subject, report.verdicts);
  llvm::erase_if(report.verdicts,
                 [&](const Verdict &verdict) { return !isNamed(verdict.property, names); });
  if (options.witnesses)
    for (Verdict &verdict : report.verdicts)
      addWitness(subject, verdict);
  if (options.certificate)
    report.certificate = printCertificate(subject, report.verdicts);
  if (names.empty()) {
    report.hazards = initHazards(subject.init());
    report.score = rated(subject, report.verdicts);
  }
  model.walk([&](CheckOp op) {
    report.checks.push_back(outcomeOf(op, report.verdicts));
    if (options.witnesses)
      refuteByWeights(subject, op, report.checks.back());
  });
  return report;
}
