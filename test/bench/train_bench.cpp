// train_bench: tokens/s and share of the FMA peak of whole training steps, one and two threads.
//   train_bench [a|b|c]... [--threads N] [--steps N]
// Work is counted as PaLM does: 6 N + 12 L C T floating-point operations per token, N all
// parameters. The peak is measured in the same run, on the same number of threads, before and
// after.
#include "Timing.h"
#include "frontend/Compile.h"
#include "lnx/runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace lnx;

namespace {

struct Shape {
  const char *name;
  const char *spec;
  int64_t batch, time, layers, width;
};

const Shape shapes[] = {
    {"a", "model m = gpt2()\n", 4, 64, 12, 768},
    {"b", "model m = gpt2()\n", 1, 1024, 12, 768},
    {"c", "model m = gpt2(depth = 6, width = 384, heads = 6, vocab = 4096, context = 256)\n", 8,
     256, 6, 384},
};

double peakOf(int threads) {
  auto cpu = Cpu::create(threads);
  return cpu ? measurePeak(**cpu, 0.3) : 0;
}

int train(const Shape &shape, int threads, int steps) {
  std::string path = std::string("/tmp/lnx_train_bench_") + shape.name + ".lnx";
  std::ofstream(path) << shape.spec;
  Result<Program> program = compileToMemory(path, {});
  if (!program)
    return std::fprintf(stderr, "%s\n", program.error().message.c_str()), 1;
  Result<Session> session =
      Session::create(*program, {.batch = shape.batch, .time = shape.time, .threads = threads});
  if (!session)
    return std::fprintf(stderr, "%s\n", session.error().message.c_str()), 1;

  int64_t rows = shape.batch * shape.time;
  std::vector<int32_t> ids(rows + 1);
  for (int64_t i = 0; i <= rows; ++i)
    ids[i] = int32_t((i * 7919 + i * i * 31) % (*program)->vocabulary);
  TokenBatch batch{std::span(ids).first(rows), std::span(ids).subspan(1), shape.batch, shape.time};

  double before = peakOf(threads);
  double gradient = 1e30, update = 1e30, whole = 1e30, loss = 0;
  for (int step = 0; step < steps; ++step) {
    double start = seconds();
    Result<double> result = session->gradient(batch);
    double middle = seconds();
    Result<UpdateReport> report = session->update({.rate = 1e-4f});
    double end = seconds();
    if (!result || !report)
      return 1;
    loss = *result;
    gradient = std::min(gradient, middle - start);
    update = std::min(update, end - middle);
    whole = std::min(whole, end - start);
  }
  double peak = std::max(before, peakOf(threads));

  double parameters = 0;
  for (const ParameterView &view : session->parameters())
    parameters += double(view.value.size());
  double work = (6 * parameters + 12.0 * shape.layers * shape.width * shape.time) * double(rows);
  std::printf("(%s) %d thread%s: %7.1f ms/step (gradient %.1f, update %.1f)  %7.0f tokens/s  %6.1f "
              "GFLOP/s  "
              "%.3f of the peak %.1f  memory %.2f GB  loss %.3f\n",
              shape.name, threads, threads == 1 ? " " : "s", whole * 1e3, gradient * 1e3,
              update * 1e3, double(rows) / whole, work / whole / 1e9, work / whole / peak,
              peak / 1e9, double(session->memory().total()) / 1e9, loss);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  std::string wanted;
  int threads = 0, steps = 5;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--threads") && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--steps") && i + 1 < argc)
      steps = std::atoi(argv[++i]);
    else
      wanted += argv[i];
  }
  for (const Shape &shape : shapes)
    if (wanted.empty() || wanted.find(shape.name) != std::string::npos)
      for (int count : {1, 2})
        if ((threads == 0 || threads == count) && train(shape, count, steps))
          return 1;
  return 0;
}
