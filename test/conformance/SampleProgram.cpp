// SampleProgram: text by formatv, numbers by drawOperands and evaluate.
// Row r of a value is row tokens[r] of its table.
#include "SampleProgram.h"
#include "llvm/Support/FormatVariadic.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

//===-- a program around one op ------------------------------------------------===//

static std::string typeText(ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

static std::string printed(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isIds(Type type) { return getElementTypeOrSelf(type).isInteger(); }
static bool isHalf(Type type) { return getElementTypeOrSelf(type).isBF16(); }

// The same shape of f32.
static Type inFull(Type type) {
  return cast<RankedTensorType>(type).clone(Float32Type::get(type.getContext()));
}

// lnx.parameter @name and its value %name: rows are looked up by the tokens, which are all
// different. Parameters are f32.
static void addOperand(std::string &table, std::string &body, unsigned index, Type type) {
  std::string shape = typeText(Array::shapeOf(type, sampleBatch));
  const char *parameter =
      "lnx.parameter @a{0} \"a{0}\" layers 1 from 0 <const, [0.0], [0.0]> : {1}\n";
  table += llvm::formatv(parameter, index, shape);
  std::string name = llvm::formatv(isHalf(type) ? "%f{0}" : "%a{0}", index);
  std::string stored = hasRows(type) ? llvm::formatv("%t{0}", index).str() : name;
  body += llvm::formatv("{0} = lnx.get @a{1} : {2}\n", stored, index, shape);
  if (hasRows(type))
    body +=
        llvm::formatv("{0} = lnx.gather {1}, %tokens : {2}, tensor<?xi32>\n", name, stored, shape);
  if (isHalf(type))
    body += llvm::formatv("%a{0} = lnx.cast %f{0} : {1} to {2}\n", index, printed(inFull(type)),
                          printed(type));
}

// Adds a result to the gradient of @r<index>: row by row where it has rows.
static void addResult(std::string &table, std::string &body, unsigned index, Type type) {
  std::string shape = typeText(Array::shapeOf(type, sampleBatch)),
              value = llvm::formatv("%r#{0}", index);
  const char *parameter =
      "lnx.parameter @r{0} \"r{0}\" layers 1 from 0 <const, [0.0], [0.0]> : {1}\n";
  table += llvm::formatv(parameter, index, shape);
  if (isHalf(type)) {
    body += llvm::formatv("%w{0} = lnx.cast {1} : {2} to {3}\n", index, value, printed(type),
                          printed(inFull(type)));
    value = llvm::formatv("%w{0}", index);
  }
  if (hasRows(type)) {
    const char *scatter = "%s{0} = lnx.scatter_rows {1}, %tokens {{count = {2} : i64} : {3}, "
                          "tensor<?xi32>\n";
    body += llvm::formatv(scatter, index, value, sampleBatch.rows(), printed(inFull(type)));
    value = llvm::formatv("%s{0}", index);
  }
  body += llvm::formatv("lnx.accumulate @r{0}, {1} : {2}\n", index, value, shape);
}

// Ids cannot be accumulated; they look up a table whose row i holds i.
static void addIdResult(std::string &table, std::string &body) {
  table +=
      "lnx.parameter @count \"count\" layers 1 from 0 <const, [0.0], [0.0]> : tensor<6x1xf32>\n"
      "lnx.parameter @r0 \"r0\" layers 1 from 0 <const, [0.0], [0.0]> : tensor<6x1xf32>\n";
  body +=
      "%count = lnx.get @count : tensor<6x1xf32>\n"
      "%rows = lnx.gather %count, %r#0 : tensor<6x1xf32>, tensor<?xi32>\n"
      "%s = lnx.scatter_rows %rows, %tokens {count = 6 : i64} : tensor<?x1xf32>, tensor<?xi32>\n"
      "lnx.accumulate @r0, %s : tensor<6x1xf32>\n";
}

static std::string programOf(PrimitiveOpInterface op, StringRef line) {
  std::string table, body;
  std::string renamed = line.str();
  for (unsigned index = op->getNumOperands(); index-- > 0;) {
    Type type = op->getOperand(index).getType();
    std::string name = isIds(type) ? "%targets" : "%a" + std::to_string(index);
    if (!isIds(type))
      addOperand(table, body, index, type);
    std::string old = "%" + std::to_string(index);
    for (size_t at = 0; (at = renamed.find(old, at)) != std::string::npos; at += name.size())
      renamed.replace(at, old.size(), name);
  }
  body += llvm::formatv("%r:{0} = {1}\n", op->getNumResults(), renamed);
  for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
    if (isIds(type))
      addIdResult(table, body);
    else
      addResult(table, body, index, type);
  return llvm::formatv(R"(module attributes {{lnx.name = "sample", lnx.vocabulary = 8 : i64} {{
    {0}
    func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32>
        attributes {{lnx.entry} {{
      {1}
      %zero = lnx.constant 0.0
      return %zero : tensor<f32>
    }
  })",
                       table, body);
}

//===-- its numbers --------------------------------------------------------------===//

static constexpr std::array<int32_t, 6> permutation = {3, 1, 5, 0, 2, 4};

/// The values of a parameter whose rows are those of `array` in the order of the tokens.
template <typename Number> static std::vector<Number> toTable(const Array &array, Type type) {
  std::vector<Number> table(array.data.size());
  int64_t rows = hasRows(type) ? sampleBatch.rows() : 1, width = array.size() / rows;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < width; ++i)
      table[(hasRows(type) ? permutation[row] : 0) * width + i] =
          static_cast<Number>(array.data[row * width + i]);
  return table;
}

SampleProgram::SampleProgram(PrimitiveOpInterface op, StringRef line)
    : text(programOf(op, line)), tokens(permutation.begin(), permutation.end()),
      targets(sampleBatch.rows()) {
  SmallVector<Array> operands = drawOperands(op, sampleBatch, 5);
  for (auto [index, operand] : llvm::enumerate(operands)) {
    Type type = op->getOperand(index).getType();
    if (isIds(type))
      targets.assign(operand.data.begin(), operand.data.end());
    else
      parameters["a" + std::to_string(index)] = toTable<float>(operand, type);
  }
  if (text.find("@count ") != std::string::npos)
    parameters["count"] = {0, 1, 2, 3, 4, 5};
  for (auto [index, expected] : llvm::enumerate(op.evaluate(operands, sampleBatch))) {
    double scale = 1;
    for (double value : expected.data)
      scale = std::max(scale, std::abs(value));
    results.push_back({"r" + std::to_string(index),
                       toTable<double>(expected, op->getResult(index).getType()), scale});
  }
}
