// Analysis: abstract interpretation of a model at level spec (4.1 to 4.6), one run for one choice
// of weights. Layers stay rolled: a repeat is interpreted once, its numbers are series over layers.
#ifndef LNX_COMPILER_STABILITY_ANALYSIS_H
#define LNX_COMPILER_STABILITY_ANALYSIS_H

#include "compiler/stability/Assumptions.h"
#include "compiler/stability/GrowthFlow.h"
#include "compiler/stability/Verdict.h"
#include "dialect/Idioms.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace mlir::lnx::stability {

/// One residual step: the next stream, in terms of the r before it.
struct Equation {
  StepOp op;
  Abstract next;
  bool isPlain = true; ///< read with the stream as r, so that its form is known
  int64_t updates = 1; ///< summands besides the stream
};

/// The steps of one repeat, or of the layers written out beside it (count 1).
struct Stack {
  RepeatOp repeat;
  int64_t first = 1, count = 1;
  Span span;
  std::vector<Equation> equations;
  bool usesLargest = false; ///< bounds mix steps: r stands for the largest stream so far
  int chain = 0;
};

/// The stacks that one stream runs through.
struct Chain {
  std::string stream;
  Value root;
  std::optional<double> r0; ///< absent: the embedding, of unknown size
  std::optional<double> peak0;
  Series s0 = 0.0;            ///< least standard deviation of a token; 0: nothing is known
  Slope link = Slope::none(); ///< of what it starts from, in the streams that this is made of
  Schedule start = Schedule::constant(1); ///< of r0 at other depths
  uint64_t grounds = 0, spreadGrounds = 0;
  int64_t width = 0, narrowest = 0;  ///< of the streams it stands for
  bool isDerived = false;            ///< made of other streams: r0 may depend on the depth
  llvm::SmallVector<Value> carriers; ///< undeclared parameters in which its start is unbounded
};

/// What is known of the stream before one step of a stack, in all its layers.
struct StreamRange {
  Series size = Series::top();  ///< rms, at most
  std::optional<Series> spread; ///< standard deviation, at least
  uint64_t grounds = 0, spreadGrounds = 0;
};
/// By stack and step.
using Ranges = std::vector<std::vector<StreamRange>>;

/// r' <= (a + gain) r + b + c r^2 in all layers of one step.
struct StepSize {
  Series a, gain, b, c;
};

struct StackSizes {
  const Stack *stack;
  std::vector<StepSize> steps;
};

/// Scores of one attention, at some r.
struct Attention {
  Operation *op;
  Bound scores;
  Abstract query, key;
  int stack;
};

/// A norm of a x + f: its form and what it reads.
struct NormOfSum {
  NormShape shape;
  Abstract input;
};

/// What scales or shifts a normalised value, and where.
struct NormPart {
  Value value;
  Operation *place;
  bool isBias;
};

/// Behind the definitions that only hand it on; unlike resolve, a step is not looked through.
Value behindApplies(Value value);

class Analysis {
public:
  /// With `ranges`, streams have these sizes instead of r.
  Analysis(ModelOp model, Assumptions &assumptions, Weights weights, Ranges ranges = {});

  ModelOp model;
  Assumptions &assumptions;
  Weights weights;
  std::vector<Stack> stacks;
  std::vector<Chain> chains;
  std::vector<Attention> attentions;
  llvm::DenseMap<Operation *, uint64_t> laws;
  std::vector<NormPart> normParts;
  llvm::DenseMap<Value, NormOfSum> sums; ///< by the normalised value, before gain and bias
  llvm::DenseSet<Value> gains, biases;   ///< undeclared parameters that scale or shift a norm
  std::vector<Remark> contradictions;    ///< promises that the others leave no room for

  /// Size r of the chain's stream before each step of each layer, and behind the last. Where not
  /// each layer is asked for: of enough layers to have the largest r before every step.
  void
  followSizes(int chain, bool isOfEach,
              llvm::function_ref<void(size_t stack, size_t step, int64_t layer, double r)> f) const;
  /// Of the steps of a chain, in order.
  std::vector<StackSizes> sizes(int chain) const;
  /// Some coefficient of a chain is infinite.
  bool isTop(int chain) const;
  /// The recurrence of a chain at this depth, from r0.
  Recurrence
  follow(int chain, bool ofPeak, double r0,
         llvm::function_ref<void(const Stack &, const Recurrence &)> afterLayer = {}) const;
  /// Its coefficients as functions of layer and depth, for all large depths.
  std::vector<StackSchedule> schedules(int chain) const;
  /// Class of the size of a chain's last stream; its factor is known where it is a power.
  GrowthFlow flow(int chain) const;
  /// Size of the chain's last stream, rounded up; infinity where it is not known.
  double evaluate(int chain, bool ofPeak) const;
  /// Size of its largest stream, the first one included.
  double largest(int chain, bool ofPeak) const;
  /// Size after each layer of a stack, rounded up; infinity where it is not known.
  std::vector<double> sizesAfterLayers(size_t stack) const;
  /// Features of one head; 0 where there is no attention, or heads of several sizes.
  int64_t sizeOfHeads() const { return std::max<int64_t>(headSize, 0); }
  /// The chain that the model returns; -1 without streams.
  int outputChain() const;
  int64_t layers() const;
  /// The one value of the rows that a definition reads; null where there is none such.
  Value inputOf(ApplyOp op) const;
  /// What is known about a value; null where the walk did not come to it.
  const Abstract *find(Value value) const {
    auto found = values.find(value);
    return found == values.end() ? nullptr : &found->second;
  }

private:
  void runBlock(Block &block);
  void runOp(Operation &op);
  void runApply(ApplyOp op);
  void runStep(StepOp op);
  void runRepeat(RepeatOp op);
  void runPrimitive(PrimitiveOpInterface op);
  bool runIdiom(Operation &op);
  Abstract scaled(Abstract x, const Normalisation &norm, Operation *place);
  void applyGain(Abstract &gain, Operation *place);
  void contradict(Operation *where, const std::string &what, double least, double most);
  // Laws (Laws.cpp).
  void applyLaw(LawOp law, ApplyOp op, Abstract &x, Type type);
  bool applySize(double bound, Abstract &x, Type type) const;
  bool applyPeak(double bound, Abstract &x) const;
  bool applyDegree(double degree, ApplyOp op, Abstract &x) const;
  bool applySlope(double bound, ApplyOp op, Abstract &x, Type type) const;
  void applyChange(LawOp law, double bound, ApplyOp op, Abstract &x);
  void applyStd(ApplyOp op, Value value);
  Abstract streamOf(Type type);
  void close();
  Abstract result(int chain, Type type);
  void open(Value value, llvm::StringRef stream);
  int chainOf(ValueRange carries, llvm::StringRef stream);
  void start(Chain &chain, Value carry);
  static bool isRoot(StepOp op);
  void findStarts();
  bool isAround(StepOp op) const;
  size_t stateOf(int chain) const;
  void findOutputs(Value value, llvm::DenseSet<Value> &seen);
  double startOf(int chain, bool ofPeak) const;
  Recurrence followOwn(int chain, bool ofPeak) const;

  /// The last answer of followOwn for each chain, rms and peak, and what it was asked about.
  struct Followed {
    size_t state = 0, largest = 0;
    double r0 = 0;
    Recurrence result{0};
  };
  mutable std::map<std::pair<int, bool>, Followed> followed;
  const Abstract &get(Value value) const { return values.find(value)->second; }
  Slope formerStream(Type type) const;

  /// An idiom sees through steps to what they computed; the stream behind it is the newer size.
  const Abstract &getStream(Value resolved) {
    auto step = streams.find(resolved);
    return get(step == streams.end() ? resolved : step->second);
  }

  Ranges ranges;
  llvm::DenseMap<Value, Abstract> values;
  llvm::DenseMap<Value, Value> streams; ///< by what their last step computed
  /// The chain of a stream outside repeats, and how many steps of it had been taken.
  llvm::DenseMap<Value, std::pair<int, size_t>> chainOfResult;
  std::vector<int> outputs;
  llvm::DenseMap<Value, llvm::StringRef> roots; ///< streams that steps outside repeats start from
  llvm::DenseSet<Value> starts;                 ///< embeddings that streams start from
  int epoch = 0;
  int current = -1;      ///< the open stack
  int64_t headSize = -1; ///< -1: no attention
};

} // namespace mlir::lnx::stability

#endif
