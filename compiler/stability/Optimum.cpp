// Optimum: the budget 2 J0/decay shared by the updates of all layers (S72).
// With two matrices in each update no depth makes the stream larger.
#include "compiler/stability/Optimum.h"
#include "compiler/stability/OptimumTerms.h"
#include "compiler/stability/Subject.h"
#include <cfloat>
#include <cmath>
#include <set>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

double Optimum::bound(double r0) const {
  if (!obstacle.empty())
    return INFINITY;
  return roundUp((std::max(r0, forgotten) + added) * skips * std::exp(roundUp(exponent)));
}

//===-- the objective --------------------------------------------------------===//

static std::optional<double> argument(const Assumption &assumption, StringRef name) {
  DictionaryAttr arguments = const_cast<Assumption &>(assumption).op.getArgumentsAttr();
  auto number = arguments ? arguments.getAs<FloatAttr>(name) : FloatAttr();
  return number ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

/// Classes of a head that gives every class the same score where its matrix is zero; 0: not one.
static int64_t classesOf(ModelOp model) {
  auto results = model.getBody().front().getTerminator()->getOperands();
  std::optional<Projection> head =
      results.size() == 1 ? matchProjection(results.front()) : std::nullopt;
  return head && head->matrix.getDefiningOp<ParamOp>() ? head->fanOut : 0;
}

/// A promise that zero matrices break: then their objective says nothing about the others'.
static const Assumption *excludesZero(const Assumptions &assumptions) {
  for (const Assumption &one : assumptions.all())
    if ((one.isLower && !one.bound.isZero()) || one.form == "doubly_stochastic")
      return &one;
  return nullptr;
}

static void readObjective(Subject &subject, Optimum &result) {
  const Assumption &objective = *result.objective;
  result.decay = argument(objective, "decay").value_or(0);
  if (!(result.decay > 0)) {
    result.obstacle = "'l2' has no decay above 0";
    return;
  }
  if (std::optional<double> said = argument(objective, "loss0")) {
    result.j0 = *said;
    return;
  }
  const Assumption *broken = excludesZero(subject.assumptions);
  result.classes = classesOf(subject.model);
  if (broken)
    result.obstacle = "zero matrices do not keep '" + broken->text + "'";
  else if (result.classes == 0)
    result.obstacle =
        "the model does not end in a matrix, so that no loss of zero matrices is known";
  result.j0 = roundUp(std::log(double(std::max<int64_t>(1, result.classes))));
}

//===-- the budget -----------------------------------------------------------===//

namespace {
/// Terms of all layers, by the number of matrices and whether they change with the stream.
class Budget {
public:
  Budget(Optimum &result) : result(result), squares(2 * result.j0 / result.decay) {}
  /// Terms of one step in the layers of its stack. False where matrices are shared.
  bool add(const OptimumTerms &terms, const Stack &stack);
  /// Writes what all steps add.
  void finish();

private:
  struct Group {
    double largest = 0, sum = 0, sumOfSquares = 0;
    std::set<Operation *> matrices;
  };
  void grow(bool ofStream, std::optional<Growth> growth);

  Optimum &result;
  double squares; ///< sum of all |W|_F^2, at most
  std::map<std::pair<bool, size_t>, Group> groups;
  int64_t count = 1; ///< of numbers added up
};
} // namespace

static Growth rootOf(const Growth &growth) {
  if (growth.kind() == Growth::Kind::power)
    return Growth::power(growth.exponent() / 2, growth.logs() / 2);
  return growth.kind() == Growth::Kind::log ? Growth::log(growth.logs() / 2) : growth;
}

void Budget::grow(bool ofStream, std::optional<Growth> growth) {
  Growth one = growth.value_or(Growth::unknown());
  if (ofStream && !(one == Growth::bounded())) // in the exponent
    one = Growth::unknown();
  if (one.kind() == Growth::Kind::unknown || result.growth.kind() == Growth::Kind::unknown)
    result.growth = Growth::unknown();
  else
    result.growth = Growth::maximum(result.growth, one);
}

/// Class of the largest of a number's values.
static std::optional<Growth> classOfLargest(const Series &series, const Span &span) {
  const std::optional<Sum> above = series.schedule().magnitude();
  if (!above || !span.isKnown)
    return std::nullopt;
  return classOf(valueAbove(*above, span.layers));
}

bool Budget::add(const OptimumTerms &terms, const Stack &stack) {
  // The same matrices in several terms: their factors add up.
  std::map<std::pair<bool, std::vector<Operation *>>, Series> merged;
  for (const OptimumTerm &term : terms) {
    if (term.factor.isZero())
      continue;
    std::vector<Operation *> key;
    for (ParamOp matrix : term.matrices)
      key.push_back(matrix.getOperation());
    auto [entry, isNew] = merged.try_emplace({term.ofStream, key}, term.factor);
    if (!isNew)
      entry->second = entry->second + term.factor;
  }
  for (const auto &[key, factor] : merged) {
    const auto &[ofStream, matrices] = key;
    Group &group = groups[{ofStream, matrices.size()}];
    for (Operation *matrix : matrices)
      if (!group.matrices.insert(matrix).second ||
          matrix->getParentOfType<RepeatOp>() != stack.repeat)
        return false;
    const double most = factor.largest();
    group.largest = std::max(group.largest, most);
    count += stack.count;
    if (matrices.empty()) {
      group.sum += factor.sum(stack.count);
      grow(ofStream, classOfSum(factor.schedule(), stack.span));
    } else if (matrices.size() == 1) {
      const Series square = factor * factor;
      group.sumOfSquares += square.sum(stack.count);
      std::optional<Growth> sum = classOfSum(square.schedule(), stack.span);
      grow(ofStream, sum ? std::optional(rootOf(*sum)) : std::nullopt);
    } else {
      grow(ofStream, classOfLargest(factor, stack.span));
    }
  }
  return true;
}

void Budget::finish() {
  for (const auto &[key, group] : groups) {
    const auto &[ofStream, m] = key;
    double most = m == 0   ? group.sum
                  : m == 1 ? std::sqrt(group.sumOfSquares * squares)
                           : group.largest * std::pow(squares / double(m), double(m) / 2);
    (ofStream ? result.exponent : result.added) +=
        roundUp(most * (1 + double(count) * DBL_EPSILON));
  }
}

//===-- steps ----------------------------------------------------------------===//

static void fail(Optimum &result, const std::string &why, Operation *where) {
  result.obstacle = why;
  if (where)
    result.where = where->getLoc();
}

/// In rms, the stream in front of the others.
static void addStep(Subject &subject, const Stack &stack, const Equation &equation, Optimum &result,
                    Budget &budget) {
  auto op = const_cast<Equation &>(equation).op;
  const Abstract &next = equation.next;
  if (!next.hasSkip && next.whole.isConstant() && !next.whole.isTop()) {
    result.forgotten = std::max(result.forgotten, next.whole.b.largest());
    result.grounds |= next.grounds;
    std::optional<Sum> above = next.whole.b.schedule().magnitude();
    if (!above || !stack.span.isKnown ||
        !(classOf(valueAbove(*above, stack.span.layers)) == Growth::bounded()))
      result.growth = Growth::unknown();
    return;
  }
  TermReader reader(subject.declared, resolve(op.getPrevious()), result.grounds);
  std::optional<OptimumTerms> terms = reader.read(op.getNext());
  SmallVector<Value> vectors;
  llvm::copy_if(next.carriers, std::back_inserter(vectors), [](Value carrier) {
    return carrier.getDefiningOp<ParamOp>().getType().getRank() < 2;
  });
  if (!terms && !vectors.empty()) {
    result.missing = subject.missing(subject.declared, vectors);
    return fail(result,
                "the objective does not bound '" +
                    pathOf(vectors.front().getDefiningOp<ParamOp>()) + "', which is no matrix",
                op);
  }
  if (!terms)
    return fail(result, "this is no product of matrices of its own layer",
                reader.culprit ? reader.culprit : op.getOperation());
  if (getFeatures(op.getPrevious().getType()) != getFeatures(op.getType()))
    return fail(result, "this step changes the width of its stream", op);
  const double root = std::sqrt(double(ShapedType::getNumElements(getFeatures(op.getType()))));
  Series skip = 0.0;
  OptimumTerms rest;
  for (OptimumTerm &term : *terms) {
    if (!term.factor.isFinite())
      return fail(result, "nothing bounds a factor of this step", op);
    if (term.ofStream && term.matrices.empty()) {
      skip = skip + term.factor;
      continue;
    }
    if (!term.ofStream)
      term.factor = Series(1 / root) * term.factor;
    rest.push_back(std::move(term));
  }
  if (!budget.add(rest, stack))
    return fail(result, "a matrix of this step is used in other updates, too", op);
  const std::optional<Scalar> constant = skip.schedule().asConstant();
  const bool isAtMostOne =
      constant && (constant->isExact() ? Scalar::compare(*constant, 1) <= 0
                                       : constant->value() < 1 - 4 * DBL_EPSILON);
  if (!isAtMostOne)
    result.growth = Growth::unknown();
  // A sum of factors that reads as 1 may be more.
  for (int64_t layer = 0; layer < stack.count && !isAtMostOne; ++layer)
    result.skips *= std::max(1.0, skip[layer]) * (1 + 4 * DBL_EPSILON);
}

std::optional<Optimum> stability::optimumOf(Subject &subject) {
  Optimum result;
  result.objective = subject.assumptions.objective();
  if (!result.objective)
    return std::nullopt;
  result.grounds = bitOf(result.objective - subject.assumptions.all().data());
  readObjective(subject, result);
  const Analysis &declared = subject.declared;
  if (result.obstacle.empty() && (declared.chains.size() != 1 || declared.chains[0].isDerived))
    result.obstacle = "there are several streams";
  if (!result.obstacle.empty())
    return result;
  Budget budget(result);
  for (const Stack &stack : declared.stacks) {
    if (stack.usesLargest && stack.count > 0)
      fail(result, "a step of this stack reads another stream than the one before it",
           stack.equations.empty() ? nullptr : const_cast<Stack &>(stack).equations[0].op);
    for (const Equation &equation : stack.equations)
      if (result.obstacle.empty() && stack.count > 0)
        addStep(subject, stack, equation, result, budget);
  }
  budget.finish();
  if (result.growth.kind() != Growth::Kind::unknown) {
    const std::optional<Sum> start = declared.chains[0].start.magnitude();
    const bool isBounded =
        start && subject.hasDepth() && classOf(valueAbove(*start, {})) == Growth::bounded();
    if (!isBounded)
      result.growth = Growth::unknown();
  }
  return result;
}

//===-- verdicts -------------------------------------------------------------===//

static std::optional<Verdict> begin(Subject &subject, const char *property) {
  const Optimum *optimum = subject.optimum();
  if (!optimum)
    return std::nullopt;
  Verdict verdict;
  verdict.property = property;
  verdict.basis = Basis::optimum;
  verdict.claim = "S72";
  if (!optimum->obstacle.empty()) {
    verdict.culprits.push_back({optimum->obstacle, optimum->where});
    verdict.missing = optimum->missing;
    return verdict;
  }
  verdict.word = std::isfinite(optimum->bound(1)) ? Word::proved : Word::unknown;
  verdict.assumptions = subject.assumptions.textOf(optimum->grounds);
  verdict.details.push_back("J0 = " + printNumber(optimum->j0) +
                            (optimum->classes ? ", the loss of zero matrices over " +
                                                    std::to_string(optimum->classes) + " classes"
                                              : ", as assumed") +
                            "; all matrices together have |W|_F <= " +
                            printNumber(std::sqrt(2 * optimum->j0 / optimum->decay)));
  return verdict;
}

std::optional<Verdict> stability::optimumGrowth(Subject &subject) {
  std::optional<Verdict> verdict = begin(subject, "forward.growth");
  if (!verdict || verdict->word != Word::proved)
    return verdict;
  verdict->growth = subject.optimum()->growth.print();
  if (subject.optimum()->growth.kind() == Growth::Kind::unknown) {
    verdict->growth = "unknown";
    verdict->word = Word::unknown;
  }
  return verdict;
}

std::optional<Verdict> stability::optimumBound(Subject &subject) {
  std::optional<Verdict> verdict = begin(subject, "forward.bound");
  if (!verdict || !subject.optimum()->obstacle.empty())
    return verdict;
  const Optimum &optimum = *subject.optimum();
  const Chain &chain = subject.declared.chains[0];
  verdict->formula = optimum.exponent == 0 ? "r0 + sum_m max_k c_k (2 J0/(m decay))^(m/2)"
                                           : "(r0 + A) exp(sum_m max_k c_k (2 J0/(m decay))^(m/2))";
  const double factor = roundUp(optimum.skips * std::exp(roundUp(optimum.exponent)));
  std::string sum =
      optimum.forgotten > 0 ? "max(r0, " + printNumber(optimum.forgotten) + ")" : "r0";
  sum += " + " + printNumber(optimum.added);
  verdict->details.push_back("r_N <= " + (optimum.exponent > 0 || optimum.skips > 1
                                              ? "(" + sum + ") * " + printNumber(factor)
                                              : sum));
  if (const double number = chain.r0 ? optimum.bound(*chain.r0) : INFINITY; std::isfinite(number))
    verdict->number = number;
  else
    verdict->missing.push_back("assume x0.rms <= ...");
  if (verdict->word == Word::proved)
    subject.addStart(*verdict, chain);
  return verdict;
}

std::optional<Verdict> stability::optimumWellPosed(Subject &subject) {
  std::optional<Verdict> verdict = begin(subject, "forward.wellposed");
  if (verdict)
    verdict->formula = "updates of all minimisers of the objective are bounded";
  return verdict;
}
