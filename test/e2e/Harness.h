// Harness: one model on both sides: the double evaluator at level grad, and a session of compiled
// code. Relied on by every end-to-end test; starts from .lnx text and ends in numbers.
#pragma once

#include "compiler/Compiler.h"
#include "dialect/LnxDialect.h"
#include "lnx/runtime.h"

#include "mlir/IR/OwningOpRef.h"
#include <map>
#include <string>
#include <vector>

namespace lnx::e2e {

/// Ids of one micro-batch, owned.
struct Ids {
  std::vector<int32_t> tokens, targets;
  int64_t batch, time;
  TokenBatch view() const { return {tokens, targets, batch, time}; }
};

/// `batch` sequences of a fixed pseudo-random stream over the vocabulary; the targets are the
/// tokens one position later.
Ids makeIds(int64_t batch, int64_t time, int64_t vocabulary, uint32_t seed);
/// Sequences [first, first + count) of `ids`.
Ids part(const Ids &ids, int64_t first, int64_t count);

/// The text of one `model m = gpt2(block = NAME, ...)` of the prelude, with `settings` behind it.
std::string gpt2(const std::string &block, const std::string &settings);

/// An elaborated model; the context outlives its modules.
class Model {
public:
  /// Parses and elaborates `text` against the prelude; a diagnostic is a test failure.
  explicit Model(const std::string &text);
  ~Model();

  /// A copy lowered to `level`.
  mlir::OwningOpRef<mlir::ModuleOp> at(mlir::lnx::Level level,
                                       const mlir::lnx::CompileOptions &options = {});
  Program compile(const mlir::lnx::CompileOptions &options = {});

  mlir::MLIRContext &context();

private:
  struct Content;
  std::unique_ptr<Content> content;
};

/// Trains by the oracle: gradients by evaluateFunction on @grad, updates written here in double.
class Oracle {
public:
  /// Parameters are copied from `session`. With rows in bf16 it runs the program that has them, at
  /// level fused, and rounds where that rounds.
  Oracle(Model &model, Session &session, mlir::lnx::Precision precision = {});
  double gradient(const Ids &ids, double scale);
  /// What grad returns behind the loss: sums of |x|, x and x^2 for each layer.
  std::vector<std::vector<double>> observations(const Ids &ids);
  /// Clipping and AdamW (or the others) as runtime.h describes them.
  void update(const UpdateOptions &options);
  /// Gradient or value of the parameter a session calls `name`.
  std::vector<double> gradientOf(const std::string &name) const;
  std::vector<double> valueOf(const std::string &name) const;
  double evaluate(const Ids &ids);
  /// Logits after the last token.
  std::vector<double> next(const std::vector<int32_t> &tokens);

private:
  struct Slot { // one layer of one parameter
    std::string symbol;
    int64_t begin, size;
    bool decay;
  };
  std::vector<std::vector<double>> run(const char *function, const Ids &ids, double scale);
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::lnx::Environment environment;
  std::map<std::string, Slot> slots;
  std::map<std::string, std::vector<double>> m, v;
  int64_t step = 0;
};

/// A session; a failure ends the test with its message.
Session makeSession(Program program, const SessionOptions &options);

} // namespace lnx::e2e
