// session_bench: from a model's text to its first loss, in this process.
//   session_bench
// Prints the parts: reading and elaborating, compiling, reserving memory and drawing the initial
// parameters, the first loss (whose pages the system hands out and clears), and the second.
#include "lnx/lnx.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace lnx;

namespace {
double since(std::chrono::steady_clock::time_point &from) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - from).count();
  from = now;
  return seconds * 1e3;
}

template <typename T> T valueOf(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(*result);
}
} // namespace

int main() {
  const std::vector<int32_t> ids(64, 1);
  const TokenBatch batch{ids, ids, 1, 64};
  for (const char *text : {"model m = gpt2()\n", "model m = gpt2(block = peri_ln, dt = 0.1)\n"}) {
    auto from = std::chrono::steady_clock::now();
    const Model model = valueOf(Model::parse(text));
    const double elaborated = since(from);
    Program program = valueOf(model.compile());
    const double compiled = since(from);
    Session session = valueOf(Session::create(std::move(program), {.batch = 1, .time = 64}));
    const double created = since(from);
    valueOf(session.gradient(batch));
    const double first = since(from);
    valueOf(session.gradient(batch));
    const double second = since(from);
    std::printf(
        "%sms: elaborate %.1f  compile %.0f  parameters %.0f  first loss %.0f  second %.0f\n"
        "ms from Session::create to the first loss: %.0f and %.0f for the parameters\n",
        text, elaborated, compiled, created, first, second, compiled + first, created);
  }
}
