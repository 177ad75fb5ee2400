// Steps: whole training steps of a session: time, utilisation and memory beside the plan.
#include "test/device/Suite.h"

#include <fmt/format.h>

using namespace lnx;
using namespace lnx::suite;

namespace {

// Dense bf16 products of an H100 or H200 SXM (NVIDIA's data sheet), the peak that others use too.
constexpr double peak = 989.4e12;

struct Measured {
  double parameters = 0, stepTime = 0, used = 0, planned = 0, loss = 0;
};

double floatsOf(const lnx_parameter &parameter) {
  double floats = static_cast<double>(parameter.layers);
  for (int32_t i = 0; i < parameter.rank; ++i)
    floats *= static_cast<double>(parameter.shape[i]);
  return floats;
}

size_t freeBytes() {
  Result<const cuda::Driver *> driver = cuda::Driver::open();
  size_t available = 0, total = 0;
  if (driver)
    (*driver)->memGetInfo(&available, &total);
  return available;
}

Result<Measured> measure(const Entry<Timing> &entry, const Options &options) {
  const Timing &item = entry.item;
  Result<Program> program = Program::load(entry.program);
  if (!program)
    return program.error();
  Measured measured;
  const int64_t vocabulary = (*program)->vocabulary;
  for (int32_t i = 0; i < (*program)->parameter_count; ++i)
    measured.parameters += floatsOf((*program)->parameters[i]);
  // The context is the process's; it exists before the session.
  constexpr const char *emptyModule = ".version 8.3\n.target sm_90a\n.address_size 64\n";
  lnx_program empty{};
  empty.device_code = emptyModule;
  Result<std::unique_ptr<cuda::Cuda>> holder = cuda::Cuda::create(empty);
  const size_t before = freeBytes();
  Result<Session> session = Session::create(
      std::move(*program), {.device = "cuda", .batch = item.batch, .time = item.time, .seed = 7});
  if (!session)
    return session.error();
  std::vector<int32_t> ids(static_cast<size_t>(item.batch * item.time + 1));
  uint32_t state = 1;
  for (int32_t &id : ids)
    id = static_cast<int32_t>((state = state * 1664525u + 1013904223u) %
                              static_cast<uint32_t>(vocabulary));
  const std::span<const int32_t> all(ids);
  const TokenBatch batch{all.first(ids.size() - 1), all.last(ids.size() - 1), item.batch,
                         item.time};
  const int times = options.isShort ? 1 : 5;
  std::optional<Error> error;
  const auto steps = [&](int count) {
    for (int i = 0; i < count && !error; ++i) {
      Result<double> loss = session->step(batch, {.rate = 1e-4f});
      if (!loss)
        error = loss.error();
      else
        measured.loss = *loss;
    }
  };
  steps(3); // algorithms are chosen, calls recorded
  measured.stepTime = seconds([&] { steps(times); }) / times;
  if (error)
    return *error;
  measured.used = static_cast<double>(before) - static_cast<double>(freeBytes());
  measured.planned = static_cast<double>(session->memory().total());
  return measured;
}

} // namespace

int lnx::suite::timeSteps(const Bundle &bundle, const Options &options) {
  fmt::print("## Training steps\n\nWork of a token: 6 N + 12 L C T (PaLM, appendix B; N all "
             "parameters, attention as if not causal). MFU is of {:.1f} TFLOP/s.\n\n"
             "| model | micro-batch | N | ms a step | tokens/s | TFLOP/s | MFU | memory, planned | "
             "loss |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
             peak / 1e12);
  int wrong = 0;
  std::string problems;
  for (const Entry<Timing> &entry : bundle.timings) {
    const Timing &item = entry.item;
    Result<Measured> measured = measure(entry, options);
    if (!measured) {
      ++wrong;
      problems += fmt::format("- {}: {}\n", item.name, measured.error().message);
      continue;
    }
    Result<Program> program = Program::load(entry.program);
    const double depth = program ? static_cast<double>((*program)->depth) : 0;
    const double tokens = static_cast<double>(item.batch * item.time) / measured->stepTime;
    const double work = 6 * measured->parameters + 12 * depth * static_cast<double>(item.width) *
                                                       static_cast<double>(item.time);
    fmt::print(
        "| {} | {} x {} | {:.0f} M | {:.1f} | {:.0f} | {:.1f} | {:.3f} | {:.2f} GiB, {:.2f} | "
        "{:.4f} |\n",
        item.name, item.batch, item.time, measured->parameters / 1e6, measured->stepTime * 1e3,
        tokens, tokens * work / 1e12, tokens * work / peak, measured->used / (1 << 30),
        measured->planned / (1 << 30), measured->loss);
  }
  fmt::print("\n{}\n", problems);
  return wrong;
}
