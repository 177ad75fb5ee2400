// SelfTest: the same tokens and seed through two compilations of the same model.
// The reference shares the elaborator and autodiff, but no fused kernel and no target.
#include "frontend/SelfTest.h"
#include "frontend/Deep.h"
#include "frontend/Elaborated.h"

#include "lnx/runtime.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx;

constexpr int64_t batch = 2, time = 16, vocabulary = 31;
const char *const spec = "model self_test = gpt2(block = peri_ln, vocab = 31, context = 16, "
                         "width = 32, heads = 2, depth = 2)\n";

Result<Program> compile(const ir::CompileOptions &options) {
  Result<Program> result = Error{"the self-test does not compile", Exit::internal};
  onDeepStack([&] {
    Diagnostics diagnostics;
    const auto source = std::make_shared<const Source>("self-test.lnx", spec);
    const ast::FilePtr file = parse(source, diagnostics);
    if (!file)
      return;
    Elaborated here(*file, {}, diagnostics);
    if (!here)
      return;
    std::string messages;
    mlir::ScopedDiagnosticHandler handler(&here.context, [&](mlir::Diagnostic &diagnostic) {
      messages += diagnostic.str() + '\n';
      return mlir::success();
    });
    const mlir::FailureOr<ir::MemoryProgram> program = ir::compileToMemory(*here.module, options);
    if (mlir::succeeded(program))
      result = Program::fromMemory(program->program, program->owner);
    else
      result = Error{"the self-test does not compile: " + messages, Exit::internal};
  });
  return result;
}

struct Losses {
  double before, after;
};

/// Three steps: a device may run a call, record the next and repeat the one after that.
Result<Losses> takeSteps(const Result<Program> &program, const std::string &device) {
  if (!program)
    return program.error();
  Result<Session> session =
      Session::create(*program, {.device = device, .batch = batch, .time = time, .seed = 7});
  if (!session)
    return session.error();
  std::vector<int32_t> tokens(batch * time), targets(batch * time);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(i * i % vocabulary);
    targets[i] = static_cast<int32_t>((i * i + 5) % vocabulary);
  }
  const TokenBatch ids{tokens, targets, batch, time};
  const Result<double> before = session->step(ids, {.rate = 1e-3f});
  if (!before)
    return before.error();
  for (int again = 0; again < 2; ++again)
    if (const Result<double> loss = session->step(ids, {.rate = 1e-3f}); !loss)
      return loss.error();
  const Result<double> after = session->evaluate(ids);
  if (!after)
    return after.error();
  return Losses{*before, *after};
}

} // namespace

Result<SelfTest> selfTest(const std::string &device) {
  const auto start = std::chrono::steady_clock::now();
  ir::CompileOptions options;
  options.target = device;
  const Result<Losses> taken = takeSteps(compile(options), device);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (!taken)
    return taken.error();
  ir::CompileOptions plain;
  plain.reference = true;
  const Result<Losses> expected = takeSteps(compile(plain), "cpu");
  if (!expected)
    return expected.error();
  SelfTest test{taken->before, taken->after,
                std::max(std::abs(taken->before - expected->before),
                         std::abs(taken->after - expected->after)),
                seconds.count()};
  if (!(test.difference <= 1e-4))
    return Error{"the losses around three training steps are " + std::to_string(taken->before) +
                     " and " + std::to_string(taken->after) + ", the reference has " +
                     std::to_string(expected->before) + " and " + std::to_string(expected->after),
                 Exit::internal};
  return test;
}

} // namespace lnx
