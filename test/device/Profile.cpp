// Profile: a training step taken apart: its launches are written down, then each is repeated alone.
// Equal launches count once; the step's sum is of all of them.
#include "test/device/Suite.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>

using namespace lnx;
using namespace lnx::suite;

namespace {

/// A launch or a product, to be done again.
struct Work {
  std::string name;
  bool isProduct = false;
  std::function<void(const lnx_runtime &)> again;
  int count = 1; ///< in a step
  double time = 0;
};

/// A table of calls that writes down instead of calling.
class Recorder {
public:
  explicit Recorder(const lnx_program &program) : program(program) {
    table.context = this;
    table.launch = [](void *context, int64_t kernel, const uint64_t *slots, int64_t count,
                      int64_t blocks) {
      static_cast<Recorder *>(context)->launch(kernel, {slots, slots + count}, blocks);
    };
    table.gemm = [](void *context, auto... arguments) {
      static_cast<Recorder *>(context)->product(
          [=](const lnx_runtime &calls) { calls.gemm(calls.context, arguments...); }, arguments...);
    };
    table.matmul = [](void *context, auto... arguments) {
      static_cast<Recorder *>(context)->product(
          [=](const lnx_runtime &calls) { calls.matmul(calls.context, arguments...); },
          arguments...);
    };
  }
  lnx_runtime table{};
  std::vector<Work> works;

private:
  void add(std::string name, bool isProduct, std::function<void(const lnx_runtime &)> again) {
    auto known = std::ranges::find(works, name, &Work::name);
    if (known != works.end())
      ++known->count;
    else
      works.push_back({std::move(name), isProduct, std::move(again)});
  }
  void launch(int64_t kernel, std::vector<uint64_t> slots, int64_t blocks) {
    add(program.kernels[kernel].name, false, [=](const lnx_runtime &calls) {
      calls.launch(calls.context, kernel, slots.data(), static_cast<int64_t>(slots.size()), blocks);
    });
  }
  template <typename... Rest>
  void product(std::function<void(const lnx_runtime &)> again, int64_t ta, int64_t tb, int64_t m,
               int64_t n, int64_t k, Rest...) {
    add(fmt::format("product {}{} {} x {} x {}", ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k), true,
        std::move(again));
  }

  const lnx_program &program;
};

/// What `repeat` does as an entry: a function of the program has no other way to its work.
const Work *current = nullptr;
int repetitions = 0;
void repeat(const lnx_call *call) {
  for (int i = 0; i < repetitions; ++i)
    current->again(*call->runtime);
}

/// A step's memory on the device.
class Step {
public:
  Step(const Timing &timing, const lnx_program &program) : timing(timing), program(program) {}
  std::optional<Error> reserve();
  /// The step itself once, with everything written that its launches read.
  std::optional<Error> run();
  std::vector<Work> record();
  Result<double> time(const Work &work, int times);

private:
  static constexpr int entries[] = {LNX_ENTRY_GRAD, LNX_ENTRY_NORM, LNX_ENTRY_ADAMW};
  std::optional<Error> runOnce(const Work &work, int times);

  const Timing &timing;
  const lnx_program &program;
  std::unique_ptr<cuda::Cuda> device;
  lnx_call call{};
  int64_t calls = 0;
};

std::optional<Error> Step::reserve() {
  Result<std::unique_ptr<cuda::Cuda>> made = cuda::Cuda::create(program);
  if (!made)
    return made.error();
  device = std::move(*made);
  const auto rows = static_cast<size_t>(timing.batch * timing.time);
  size_t scratchBytes = 0;
  for (int entry : entries)
    scratchBytes =
        std::max(scratchBytes, static_cast<size_t>(program.scratch_bytes_per_row[entry]) *
                                       ((rows + 15) / 16 * 16) +
                                   static_cast<size_t>(program.scratch_fixed_bytes[entry]));
  std::mt19937 random(1);
  std::vector<float> parameters(static_cast<size_t>(program.state_floats));
  std::normal_distribution<float> normal(0, 0.02f);
  for (float &value : parameters)
    value = normal(random);
  std::vector<int32_t> ids(rows);
  for (int32_t &id : ids)
    id = static_cast<int32_t>(random() % static_cast<uint32_t>(program.vocabulary));
  const std::vector<float> arguments = {1, 1e-4f, 0.1f, 1, 0.9f, 0.95f, 1e-8f, 10, 20};
  const struct {
    size_t bytes;
    const void *from;
    size_t given;
  } areas[] = {
      {parameters.size() * 16, parameters.data(), parameters.size() * 4},
      {scratchBytes, nullptr, 0},
      {rows * 4, ids.data(), rows * 4},
      {rows * 4, ids.data(), rows * 4},
      {arguments.size() * 4, arguments.data(), arguments.size() * 4},
      {static_cast<size_t>(program.vocabulary + program.observations + 1) * 4, nullptr, 0}};
  std::vector<void *> places;
  for (const auto &area : areas) {
    Result<void *> place = device->reserve(area.bytes, "a step", Content::zeros);
    if (!place)
      return place.error();
    if (auto error = device->upload(*place, area.from, area.given))
      return error;
    places.push_back(*place);
  }
  call = {&device->calls(),
          places[0],
          places[1],
          static_cast<int32_t *>(places[2]),
          static_cast<int32_t *>(places[3]),
          timing.batch,
          timing.time,
          static_cast<float *>(places[4]),
          static_cast<float *>(places[5])};
  return std::nullopt;
}

std::optional<Error> Step::run() {
  for (int entry : entries)
    if (auto error = device->run(program.entries[entry], call))
      return error;
  return std::nullopt;
}

std::vector<Work> Step::record() {
  Recorder recorder(program);
  lnx_call written = call;
  written.runtime = &recorder.table;
  for (int entry : entries)
    program.entries[entry](&written);
  return std::move(recorder.works);
}

std::optional<Error> Step::runOnce(const Work &work, int times) {
  current = &work;
  repetitions = times;
  lnx_call own{};
  own.runtime = &device->calls();
  own.batch = ++calls; // every call is another, so none becomes a graph
  return device->run(repeat, own);
}

Result<double> Step::time(const Work &work, int times) {
  std::optional<Error> error = runOnce(work, 1);
  double alone = 0, all = 0;
  if (!error)
    alone = seconds([&] { error = runOnce(work, 1); });
  if (!error)
    all = seconds([&] { error = runOnce(work, times + 1); });
  if (error)
    return *error;
  return std::max(all - alone, 0.0) / times;
}

void print(const Timing &timing, const std::vector<Work> &works, double bandwidth) {
  const auto rows = static_cast<double>(timing.batch * timing.time);
  double products = 0, kernels = 0;
  fmt::print("| launch | in a step | us | GB/s | of the copy |\n| --- | --- | --- | --- | --- |\n");
  for (const Work &work : works) {
    (work.isProduct ? products : kernels) += work.time * work.count;
    const auto found = timing.kernels.find(work.name);
    std::string speed = "| |";
    if (found != timing.kernels.end() && work.time > 0) {
      const double rate = (found->second.perRow * rows + found->second.fixed) / work.time;
      speed = fmt::format("{:.0f} | {:.2f} |", rate / 1e9, bandwidth > 0 ? rate / bandwidth : 0);
    }
    fmt::print("| {} | {} | {:.1f} | {}\n", work.name, work.count, work.time * 1e6, speed);
  }
  fmt::print("\nKernels {:.2f} ms, products {:.2f} ms a step, each alone.\n\n", kernels * 1e3,
             products * 1e3);
}

} // namespace

int lnx::suite::profileStep(const Entry<Timing> &entry, double bandwidth, const Options &options) {
  fmt::print("## Launches of a step: {}, {} x {}\n\n", entry.item.name, entry.item.batch,
             entry.item.time);
  Result<Program> program = Program::load(entry.program);
  std::optional<Error> error;
  if (!program) {
    fmt::print("- {}\n\n", program.error().message);
    return 1;
  }
  Step step(entry.item, **program);
  if (!(error = step.reserve()))
    error = step.run();
  std::vector<Work> works;
  if (!error)
    works = step.record();
  for (Work &work : works) {
    Result<double> time = step.time(work, options.isShort ? 1 : 20);
    if (!time) {
      error = time.error();
      break;
    }
    work.time = *time;
  }
  if (error) {
    fmt::print("- {}\n\n", error->message);
    return 1;
  }
  std::ranges::sort(works, std::greater(), [](const Work &w) { return w.time * w.count; });
  print(entry.item, works, bandwidth);
  return works.empty();
}
