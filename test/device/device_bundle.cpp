// device-bundle: compiles what device-suite runs and computes what has to come out, in double.
//   device-bundle FOLDER [--short]
// Programs are for any processor of x86-64-v3 and a GPU of compute capability 9.0.
#include "compiler/KernelTable.h"
#include "test/conformance/SampleProgram.h"
#include "test/device/Bundle.h"
#include "test/e2e/Harness.h"

#include "mlir/Parser/Parser.h"

#include <cstdio>
#include <cstring>

using namespace lnx;
using namespace lnx::suite;
using namespace mlir::lnx;

namespace {

CompileOptions options(Precision precision) {
  CompileOptions options;
  options.cpu = "x86-64-v3";
  options.target = "cuda";
  options.precision = precision;
  return options;
}

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "device-bundle: %s\n", what.c_str());
  std::exit(1);
}

void compile(mlir::ModuleOp module, const std::string &place, Precision precision) {
  if (mlir::failed(compileToFile(module, place + ".so", options(precision))))
    fail("cannot compile " + place);
}

/// Every sample of every primitive, or every eighth.
void writeCases(const std::string &folder, bool isShort) {
  mlir::DialectRegistry registry;
  registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  const std::vector<lnxtest::Sample> samples = lnxtest::findSamples();
  for (size_t i = 0; i < samples.size(); i += isShort ? 8 : 1) {
    lnxtest::ParsedSample parsed = lnxtest::parseSample(context, samples[i]);
    const lnxtest::SampleProgram program(parsed.op, samples[i].line);
    Case item{samples[i].line, program.tokens, program.targets, {}, {}};
    for (const auto &[name, values] : program.parameters)
      item.parameters[name].assign(values.begin(), values.end());
    for (const auto &result : program.results)
      item.results.push_back({result.name, result.scale, result.values});
    char name[16];
    std::snprintf(name, sizeof name, "%03zu", i);
    const std::string at = place(folder, "cases", name);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(program.text, &context);
    compile(*module, at, Precision::f32);
    if (!write(at, item))
      fail("cannot write " + at);
  }
}

void writeTraining(const std::string &folder, const std::string &block, const std::string &name,
                   const std::string &settings, int64_t batch, int64_t time) {
  constexpr int64_t vocabulary = 61;
  constexpr int steps = 3;
  e2e::Model model(e2e::gpt2(block, settings));
  // Parameters depend on the seed alone, not on the device.
  Session session =
      e2e::makeSession(model.compile(), {.batch = batch, .time = time, .threads = 2, .seed = 7});
  e2e::Oracle oracle(model, session);
  Training item{name, batch, time, 1e-2, {}};
  for (int step = 0; step < steps; ++step) {
    e2e::Ids ids = e2e::makeIds(batch, time, vocabulary, 100 + static_cast<uint32_t>(step));
    const double loss = oracle.gradient(ids, 1);
    item.steps.push_back({ids.tokens, ids.targets, loss});
    oracle.update({.rate = static_cast<float>(item.rate)});
  }
  const std::string at = place(folder, "trainings", name);
  compile(*model.at(Level::spec), at, Precision::f32);
  if (!write(at, item))
    fail("cannot write " + at);
}

/// Timed as it is trained: with rows in bf16.
void writeTiming(const std::string &folder, const std::string &name, const std::string &text,
                 int64_t batch, int64_t time, int64_t width) {
  e2e::Model model(text);
  const std::string at = place(folder, "timings", name);
  compile(*model.at(Level::spec), at, Precision::bf16);
  auto table = kernelTable(*model.at(Level::spec), options(Precision::bf16), batch * time);
  if (mlir::failed(table))
    fail("cannot count the kernels of " + name);
  Timing item{name, batch, time, width, {}};
  for (const KernelRow &row : table->rows) {
    const auto launches = static_cast<double>(row.launches);
    item.kernels[row.name] = {(row.read.perRow + row.written.perRow) / launches,
                              (row.read.fixed + row.written.fixed) / launches};
  }
  if (!write(at, item))
    fail("cannot write " + at);
}

void writeAll(const std::string &folder) {
  const char *const blocks[] = {"pre_ln",   "post_ln",  "peri_ln",   "no_ln",
                                "sandwich", "deepnorm", "rezero",    "layerscale",
                                "parallel", "mix_ln",   "ln_scaling"};
  for (const char *block : blocks)
    writeTraining(folder, block, block,
                  "width = 32, heads = 4, depth = 2, vocab = 61, context = 16", 3, 16);
  writeTraining(folder, "peri_ln", "peri_ln_wide",
                "width = 128, heads = 2, depth = 2, vocab = 61, context = 128", 1, 128);
  writeTiming(folder, "gpt2_124m", "model m = gpt2(block = peri_ln)\n", 32, 1024, 768);
  writeTiming(folder, "gpt2_774m", "model m = gpt2_large(block = peri_ln)\n", 8, 1024, 1280);
  writeTiming(folder, "gpt2_1558m", "model m = gpt2_xl(block = peri_ln)\n", 4, 1024, 1600);
}

void writeShort(const std::string &folder) {
  writeTraining(folder, "peri_ln", "peri_ln",
                "width = 32, heads = 4, depth = 2, vocab = 61, context = 16", 3, 16);
  writeTiming(folder, "tiny",
              "model m = gpt2(block = peri_ln, width = 64, heads = 2, depth = 2, vocab = 61, "
              "context = 16)\n",
              2, 16, 64);
}

} // namespace

int main(int argc, char **argv) {
  const bool isShort = argc == 3 && std::strcmp(argv[2], "--short") == 0;
  if (argc < 2 || argc > 3 || (argc == 3 && !isShort)) {
    std::fprintf(stderr, "usage: device-bundle FOLDER [--short]\n");
    return 2;
  }
  writeCases(argv[1], isShort);
  isShort ? writeShort(argv[1]) : writeAll(argv[1]);
  std::printf("%s: a bundle for device-suite\n", argv[1]);
  return 0;
}
