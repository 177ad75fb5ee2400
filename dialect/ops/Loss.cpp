// Loss.cpp: cross-entropy, alone and behind the head's matrix product.
// The loops of the reference lowering are in LossLoops.cpp.
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

//===-- types --------------------------------------------------------------===//

static LogicalResult expectRowsAndIds(std::optional<Location> location, Type rows, Type ids) {
  if (!hasRows(rows) || getFeatures(rows).size() != 1)
    return emitOptionalError(location, "the loss needs rows of features, not ", rows);
  if (!hasRows(ids) || !getFeatures(ids).empty())
    return emitOptionalError(location, "ids must be tensor<?xi32>, not ", ids);
  return success();
}

static LogicalResult expectNumber(std::optional<Location> location, Type type) {
  if (cast<ShapedType>(type).getRank() != 0)
    return emitOptionalError(location, "the gradient of the loss is ", type,
                             ", not a single number");
  return success();
}

static LogicalResult expectHead(std::optional<Location> location, Type x, Type weight,
                                bool transposeWeight) {
  auto matrix = cast<RankedTensorType>(weight);
  if (hasRows(weight) || matrix.getRank() != 2)
    return emitOptionalError(location, "the head needs a fixed matrix, not ", weight);
  int64_t features = getFeatures(x).front();
  int64_t wanted = matrix.getDimSize(transposeWeight ? 1 : 0);
  if (features != wanted)
    return emitOptionalError(location, "x has ", features, " features but the head takes ", wanted);
  return success();
}

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *context,
                                               std::optional<Location> location,
                                               ValueRange operands, DictionaryAttr,
                                               OpaqueProperties, RegionRange,
                                               SmallVectorImpl<Type> &types) {
  types.push_back(getTensorType(context, {}, /*withRows=*/false));
  return expectRowsAndIds(location, operands[0].getType(), operands[1].getType());
}

LogicalResult CrossEntropyGradOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                                                   ValueRange operands, DictionaryAttr,
                                                   OpaqueProperties, RegionRange,
                                                   SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  if (failed(expectRowsAndIds(location, operands[0].getType(), operands[1].getType())))
    return failure();
  return expectNumber(location, operands[2].getType());
}

LogicalResult LinearCrossEntropyOp::inferReturnTypes(MLIRContext *context,
                                                     std::optional<Location> location,
                                                     ValueRange operands, DictionaryAttr attributes,
                                                     OpaqueProperties properties,
                                                     RegionRange regions,
                                                     SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<LinearCrossEntropyOp>(attributes, properties);
  types.push_back(getTensorType(context, {}, /*withRows=*/false));
  if (failed(expectRowsAndIds(location, operands[0].getType(), operands[2].getType())))
    return failure();
  return expectHead(location, operands[0].getType(), operands[1].getType(),
                    static_cast<bool>(read.transpose_weight));
}

LogicalResult
LinearCrossEntropyGradOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                           ValueRange operands, DictionaryAttr attributes,
                                           OpaqueProperties properties, RegionRange regions,
                                           SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<LinearCrossEntropyGradOp>(attributes, properties);
  types.assign({getTensorType(context, {}, /*withRows=*/false), operands[0].getType(),
                operands[1].getType()});
  if (failed(expectRowsAndIds(location, operands[0].getType(), operands[2].getType())) ||
      failed(expectNumber(location, operands[3].getType())))
    return failure();
  return expectHead(location, operands[0].getType(), operands[1].getType(),
                    static_cast<bool>(read.transpose_weight));
}

OpClass CrossEntropyOp::getOpClass() { return OpClass::Library; }
OpClass CrossEntropyGradOp::getOpClass() { return OpClass::Library; }
OpClass LinearCrossEntropyOp::getOpClass() { return OpClass::Library; }
OpClass LinearCrossEntropyGradOp::getOpClass() { return OpClass::Library; }

//===-- values -------------------------------------------------------------===//

// Replaces one row of logits by its softmax; returns -log softmax[target].
static double softmaxRow(MutableArrayRef<double> row, int64_t target) {
  double largest = *llvm::max_element(row), chosen = row[target], sum = 0;
  for (double &value : row)
    sum += value = std::exp(value - largest);
  for (double &value : row)
    value /= sum;
  return std::log(sum) + largest - chosen;
}

// The mean loss; `logits` become the gradient of the loss for them, times `dLoss`.
static double crossEntropy(Array &logits, const Array &targets, double dLoss) {
  int64_t width = logits.shape[1], rows = logits.shape[0];
  double loss = 0;
  for (int64_t row = 0; row < rows; ++row) {
    MutableArrayRef<double> line(logits.data.data() + row * width, width);
    auto target = static_cast<int64_t>(targets.data[row]);
    loss += softmaxRow(line, target);
    line[target] -= 1;
    for (double &value : line)
      value *= dLoss / static_cast<double>(rows);
  }
  return loss / static_cast<double>(rows);
}

SmallVector<Array> CrossEntropyOp::evaluate(ArrayRef<Array> operands, Batch) {
  Array logits = operands[0];
  return {Array({}, crossEntropy(logits, operands[1], 0))};
}

SmallVector<Array> CrossEntropyGradOp::evaluate(ArrayRef<Array> operands, Batch) {
  Array logits = operands[0];
  crossEntropy(logits, operands[1], operands[2].data[0]);
  return {logits};
}

// Element (feature, id) of op(weight), as a place in the array.
static int64_t headPlace(const Array &weight, bool transposeWeight, int64_t feature, int64_t id) {
  return transposeWeight ? id * weight.shape[1] + feature : feature * weight.shape[1] + id;
}

static Array headLogits(const Array &x, const Array &weight, bool transposeWeight) {
  int64_t vocabulary = weight.shape[transposeWeight ? 0 : 1];
  Array logits({x.shape[0], vocabulary});
  for (int64_t row = 0; row < x.shape[0]; ++row)
    for (int64_t id = 0; id < vocabulary; ++id)
      for (int64_t i = 0; i < x.shape[1]; ++i)
        logits.data[row * vocabulary + id] +=
            x.data[row * x.shape[1] + i] * weight.data[headPlace(weight, transposeWeight, i, id)];
  return logits;
}

SmallVector<Array> LinearCrossEntropyOp::evaluate(ArrayRef<Array> operands, Batch) {
  Array logits = headLogits(operands[0], operands[1], getTransposeWeight());
  return {Array({}, crossEntropy(logits, operands[2], 0))};
}

SmallVector<Array> LinearCrossEntropyGradOp::evaluate(ArrayRef<Array> operands, Batch) {
  const Array &x = operands[0], &weight = operands[1];
  Array logits = headLogits(x, weight, getTransposeWeight());
  Array loss({}, crossEntropy(logits, operands[2], operands[3].data[0]));
  Array dX(x.shape), dWeight(weight.shape);
  int64_t width = x.shape[1], vocabulary = logits.shape[1];
  for (int64_t row = 0; row < x.shape[0]; ++row)
    for (int64_t id = 0; id < vocabulary; ++id)
      for (int64_t i = 0; i < width; ++i) {
        int64_t place = headPlace(weight, getTransposeWeight(), i, id);
        double slope = logits.data[row * vocabulary + id];
        dX.data[row * width + i] += slope * weight.data[place];
        dWeight.data[place] += slope * x.data[row * width + i];
      }
  return {loss, dX, dWeight};
}

//===-- gradients ----------------------------------------------------------===//

void CrossEntropyOp::differentiate(GradBuilder &grad) {
  if (grad.wants(getLogits()))
    grad.add(getLogits(), CrossEntropyGradOp::create(grad.getBuilder(), grad.getLoc(), getLogits(),
                                                     getTargets(), grad.gradient(getLoss())));
}
void LinearCrossEntropyOp::differentiate(GradBuilder &grad) {
  auto back = LinearCrossEntropyGradOp::create(grad.getBuilder(), grad.getLoc(), getX(),
                                               getWeight(), getTargets(), grad.gradient(getLoss()),
                                               getTransposeWeight());
  grad.add(getX(), back.getDX());
  grad.add(getWeight(), back.getDWeight());
}
void CrossEntropyGradOp::differentiate(GradBuilder &) { emitOpError("has no derivative"); }
void LinearCrossEntropyGradOp::differentiate(GradBuilder &) { emitOpError("has no derivative"); }

//===-- bounds and work ----------------------------------------------------===//

// -log softmax is at most log V plus the span of the logits: twice their peak, or sqrt(2) times
// the norm of their row.
static Moments boundLoss(Moments logits, int64_t width) {
  double count = static_cast<double>(width);
  double span = std::min(2 * logits.peak, std::sqrt(2 * count) * logits.rms);
  return Moments::number(std::log(count) + span);
}

// softmax - onehot has norm at most sqrt(2) and entries at most 1; rows divide it further.
static Moments boundSlope(double dLoss, int64_t width) {
  return {dLoss * std::sqrt(2 / static_cast<double>(width)), dLoss};
}

SmallVector<Moments> CrossEntropyOp::moments(ArrayRef<Moments> x) {
  return {boundLoss(x[0], getFeatures(getLogits().getType()).front())};
}
SmallVector<Moments> CrossEntropyGradOp::moments(ArrayRef<Moments> x) {
  return {boundSlope(x[2].peak, getFeatures(getLogits().getType()).front())};
}

// Logits of the head: the bounds of matmul (Matmul.cpp) with both operands as rows of k.
static Moments boundLogits(Moments x, Moments weight, int64_t k, int64_t vocabulary) {
  double size = static_cast<double>(k), norm = std::sqrt(size) * std::min(x.peak, x.rms);
  double column = std::sqrt(size) *
                  std::min(weight.peak, std::sqrt(static_cast<double>(vocabulary)) * weight.rms);
  return {size * boundProduct(x.rms, weight.rms), boundProduct(norm, column)};
}

static int64_t vocabularyOf(Type weight, bool transposeWeight) {
  return cast<ShapedType>(weight).getDimSize(transposeWeight ? 0 : 1);
}

SmallVector<Moments> LinearCrossEntropyOp::moments(ArrayRef<Moments> x) {
  int64_t vocabulary = vocabularyOf(getWeight().getType(), getTransposeWeight());
  int64_t width = getFeatures(getX().getType()).front();
  return {boundLoss(boundLogits(x[0], x[1], width, vocabulary), vocabulary)};
}

SmallVector<Moments> LinearCrossEntropyGradOp::moments(ArrayRef<Moments> x) {
  int64_t vocabulary = vocabularyOf(getWeight().getType(), getTransposeWeight());
  int64_t width = getFeatures(getX().getType()).front();
  Moments slope = boundSlope(x[3].peak, vocabulary);
  // The absolute entries of softmax - onehot sum to at most 2.
  Moments dX = Moments::number(boundProduct(2 * x[3].peak, x[1].peak));
  Moments dWeight = {boundProduct(slope.rms, x[0].rms), boundProduct(slope.peak, x[0].peak)};
  return {boundLoss(boundLogits(x[0], x[1], width, vocabulary), vocabulary), dX, dWeight};
}

Flops LinearCrossEntropyOp::getFlops() {
  double size = static_cast<double>(getWeight().getType().getNumElements());
  return {.perRow = 2 * size};
}
Flops LinearCrossEntropyGradOp::getFlops() {
  double size = static_cast<double>(getWeight().getType().getNumElements());
  return {.perRow = 6 * size};
}

//===-- canonical form -----------------------------------------------------===//

// Logits that only the loss reads are never stored.
static LogicalResult absorbHead(CrossEntropyOp op, PatternRewriter &rewriter) {
  auto head = op.getLogits().getDefiningOp<MatmulOp>();
  if (!head || !head->hasOneUse() || head.getTransposeLhs() || hasRows(head.getRhs().getType()))
    return failure();
  rewriter.replaceOpWithNewOp<LinearCrossEntropyOp>(op, head.getLhs(), head.getRhs(),
                                                    op.getTargets(), head.getTransposeRhs());
  return success();
}

// The gradient computes the loss on its way, so a loss on its own is computed twice. It is replaced
// only where every reader comes after the gradient.
static LogicalResult shareLoss(LinearCrossEntropyGradOp op, PatternRewriter &rewriter) {
  Block *block = op->getBlock();
  auto comesAfter = [&](Operation *user) {
    Operation *place = block->findAncestorOpInBlock(*user);
    return place && op->isBeforeInBlock(place);
  };
  for (Operation *user : op.getX().getUsers()) {
    auto loss = dyn_cast<LinearCrossEntropyOp>(user);
    if (!loss || loss->getBlock() != block || loss.getX() != op.getX() ||
        loss.getWeight() != op.getWeight() || loss.getTargets() != op.getTargets() ||
        loss.getTransposeWeight() != op.getTransposeWeight() || loss->use_empty() ||
        !llvm::all_of(loss->getUsers(), comesAfter))
      continue;
    rewriter.replaceOp(loss, op.getLoss());
    return success();
  }
  return failure();
}

void CrossEntropyOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *) {
  patterns.add(absorbHead);
}
void LinearCrossEntropyGradOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                           MLIRContext *) {
  patterns.add(shareLoss);
}

//===-- abstract values ----------------------------------------------------===//

std::vector<Abstract> CrossEntropyOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
std::vector<Abstract> CrossEntropyGradOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
std::vector<Abstract> LinearCrossEntropyOp::transfer(ArrayRef<Abstract> x) { return {join(x)}; }
std::vector<Abstract> LinearCrossEntropyGradOp::transfer(ArrayRef<Abstract> x) {
  return {join(x), join(x), join(x)};
}
