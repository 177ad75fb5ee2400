// Subject: one model under examination, the runs over it that all properties share.
// A property is a function from a subject to verdicts, listed in Properties.def.
#ifndef LNX_COMPILER_STABILITY_SUBJECT_H
#define LNX_COMPILER_STABILITY_SUBJECT_H

#include "compiler/stability/Analysis.h"
#include "compiler/stability/InitModel.h"
#include "compiler/stability/Optimum.h"
#include "compiler/stability/Sensitivity.h"
#include "compiler/stability/Verify.h"

#include <map>
#include <memory>

namespace mlir::lnx::stability {

/// A parameter that makes a stream as large as one likes (S56).
struct Carrier {
  StepOp step;
  ParamOp parameter;
};

/// The recurrence of a chain at this depth, summed up.
struct Shape {
  bool isReset = true;   ///< every step forgets the stream: A = 0
  bool isSum = true;     ///< A = 1 and C = 0: r0 + sum of B
  bool isProduct = true; ///< B = 0 and C = 0
  bool hasSquare = false;
  double sum = 0;
};

class Subject {
public:
  Subject(ModelOp model, Assumptions &assumptions, const VerifyOptions &options);

  ModelOp model;
  Assumptions &assumptions;
  const VerifyOptions &options;
  Analysis declared, bounded;
  std::unique_ptr<Analysis> trajectory; ///< where an optimizer is assumed

  const Analysis &run(Weights weights) const;
  /// Class of the largest stream in depth; unknown where it is no function of the depth (S51).
  Growth growth(Weights weights, int chain);
  Growth growth(Weights weights);
  /// How much the last stream changes with the first, for the declared weights.
  const Sensitivity &sensitivity();
  /// Class in depth of its product; unknown where it is no function of the depth.
  Growth sensitivityGrowth();
  /// Of the objective that is assumed; null where none is.
  const Optimum *optimum();
  /// A class that the output reaches where every bound is attained.
  Growth lowerGrowth() const;
  /// Whether layers are counted by a depth, and nothing else was chosen by it.
  bool hasDepth() const;
  /// The prediction at initialisation, made when it is first asked for.
  const InitPrediction &init();
  Shape shape(const Analysis &analysis, int chain) const;
  std::optional<Carrier> carrier(const Analysis &analysis) const;
  /// Fills in assumptions, missing ones and culprits of unbounded steps.
  void explain(Verdict &verdict, const Analysis &analysis) const;
  /// Adds the assumptions about the stream that a number starts from.
  void addStart(Verdict &verdict, const Chain &chain) const;
  /// Undeclared parameters that some update is unbounded in.
  llvm::SmallVector<Value> carriers(const Analysis &analysis) const;
  /// Sum of |dt| over the updates of all layers.
  double totalStep() const;
  /// "assume spectral(attn.o.W) <= ..." for undeclared parameters.
  std::vector<std::string> missing(const Analysis &analysis, llvm::ArrayRef<Value> carriers) const;
  uint64_t grounds(const Analysis &analysis) const;

private:
  std::unique_ptr<InitPrediction> prediction;
  std::unique_ptr<Sensitivity> change;
  std::optional<std::optional<Optimum>> minimisers;
  std::map<std::pair<Weights, int>, Growth> classes;
};

using Property = void(Subject &, std::vector<Verdict> &);
#define PROPERTY(function, names) Property function;
#include "compiler/stability/Properties.def"

/// U of S90 for the model as it is; absent where a step is not of the form it is about.
std::optional<double> updateTotal(const Analysis &analysis);
/// "12.5", as short as reads back alike in six digits.
std::string printNumber(double number);
/// The path of a parameter with its repeat's scope.
std::string pathOf(ParamOp op);
/// One line for each distinct step: "layers 1..12: x <- x + ...".
std::vector<std::string> printNormalForm(const Analysis &analysis);

} // namespace mlir::lnx::stability

#endif
