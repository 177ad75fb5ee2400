// monitor_bench: what it costs that a step also reports the size of the stream after each layer,
// and that the bound is evaluated beside it.
//   monitor_bench [rounds]
// One program with observation and one without take steps in turn in one process; printed is the
// ratio of their best times, and the best time of the bound, which only kept steps evaluate.
#include "lnx/monitor.h"
#include "test/e2e/Harness.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace lnx;
using namespace lnx::e2e;

namespace {

struct Shape {
  const char *name, *text;
  int64_t batch, time, vocabulary;
};

const Shape shapes[] = {
    {"width 768, 12 layers, 256 tokens", "model m = gpt2()\n", 4, 64, 50257},
    {"the same, peri_ln", "model m = gpt2(block = peri_ln)\n", 4, 64, 50257},
    {"width 384, 6 layers, 2048 tokens",
     "model m = gpt2(depth = 6, width = 384, heads = 6, vocab = 4096, context = 256)\n", 8, 256,
     4096},
    {"width 64, 4 layers, 256 tokens",
     "model m = gpt2(depth = 4, width = 64, heads = 2, vocab = 257, context = 64)\n", 4, 64, 257},
};

double step(Session &session, const Ids &ids) {
  auto start = std::chrono::steady_clock::now();
  if (!session.gradient(ids.view()) || !session.update({.rate = 1e-4f}))
    std::exit(1);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double bound(Session &session) {
  Result<StreamMonitor> monitor = StreamMonitor::create(session);
  if (!monitor)
    std::exit(1);
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    auto start = std::chrono::steady_clock::now();
    (void)monitor->bounds();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

} // namespace

int main(int argc, char **argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  for (const Shape &shape : shapes) {
    Model model(shape.text);
    SessionOptions options{.batch = shape.batch, .time = shape.time};
    mlir::lnx::CompileOptions without;
    without.observe = false;
    mlir::lnx::CompileOptions with;
    llvm::raw_string_ostream(with.spec) << *model.at(mlir::lnx::Level::spec);
    Session observed = makeSession(model.compile(with), options);
    Session plain = makeSession(model.compile(without), options);
    Ids ids = makeIds(shape.batch, shape.time, shape.vocabulary, 1);
    double best[2] = {1e30, 1e30};
    for (int round = 0; round < rounds; ++round) {
      best[0] = std::min(best[0], step(plain, ids));
      best[1] = std::min(best[1], step(observed, ids));
    }
    double seconds = bound(observed);
    std::printf(
        "%-34s step %8.3f ms, observed %8.3f ms, ratio %.4f; bound %7.3f ms, %.2f %% of it\n",
        shape.name, 1e3 * best[0], 1e3 * best[1], best[1] / best[0], 1e3 * seconds,
        100 * seconds / best[1]);
  }
  return 0;
}
