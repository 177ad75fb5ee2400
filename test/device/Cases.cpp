// Cases: compiled primitives and trainings on the device, beside what the double evaluator said.
#include "test/device/Suite.h"

#include <cmath>
#include <fmt/format.h>

using namespace lnx;
using namespace lnx::suite;

namespace {

/// One call of @grad with memory of its own.
class Call {
public:
  explicit Call(const lnx_program &program)
      : program(program), state(4 * static_cast<size_t>(program.state_floats)) {}

  /// The place of a parameter in arena 0 or of its gradient in arena 1; null where it has none.
  float *find(const std::string &name, int64_t arena) {
    for (int32_t i = 0; i < program.parameter_count; ++i)
      if (name == program.parameters[i].name)
        return state.data() + arena * program.state_floats + program.parameters[i].offset;
    return nullptr;
  }
  std::optional<Error> run(const Case &item);

private:
  template <typename Values> Result<void *> give(Device &device, const Values &values);

  const lnx_program &program;
  std::vector<float> state;
};

template <typename Values> Result<void *> Call::give(Device &device, const Values &values) {
  const size_t bytes = values.size() * sizeof(values[0]);
  Result<void *> place = device.reserve(bytes, "a case", Content::anything);
  if (place)
    if (auto error = device.upload(*place, values.data(), bytes))
      return *error;
  return place;
}

std::optional<Error> Call::run(const Case &item) {
  Result<std::unique_ptr<Device>> made = createCudaDevice(program);
  if (!made)
    return made.error();
  Device &device = **made;
  constexpr int64_t batch = 2, time = 3, rows = 16; // scratch counts rows by sixteens
  const auto scratchBytes =
      static_cast<size_t>(program.scratch_bytes_per_row[LNX_ENTRY_GRAD] * rows +
                          program.scratch_fixed_bytes[LNX_ENTRY_GRAD] + 64);
  Result<void *> places[] = {give(device, state),
                             device.reserve(scratchBytes, "a case", Content::anything),
                             give(device, item.tokens),
                             give(device, item.targets),
                             give(device, std::vector<float>(LNX_ARGUMENT_COUNT, 1)),
                             give(device, std::vector<float>(8))};
  for (const Result<void *> &place : places)
    if (!place)
      return place.error();
  const lnx_call call = {&device.calls(),
                         *places[0],
                         *places[1],
                         static_cast<int32_t *>(*places[2]),
                         static_cast<int32_t *>(*places[3]),
                         batch,
                         time,
                         static_cast<float *>(*places[4]),
                         static_cast<float *>(*places[5])};
  if (auto error = device.run(program.entries[LNX_ENTRY_GRAD], call))
    return error;
  return device.download(state.data(), *places[0], state.size() * sizeof(float));
}

/// The larger error; NaN is the largest.
double joined(double a, double b) { return std::isnan(a) || b <= a ? a : b; }

/// The largest error relative to its scale; or why there is none.
Result<double> errorOf(const Entry<Case> &entry, const Options &options) {
  Result<Program> program = Program::load(entry.program);
  if (!program)
    return program.error();
  Call call(**program);
  for (const auto &[name, values] : entry.item.parameters)
    if (float *place = call.find(name, 0))
      std::copy(values.begin(), values.end(), place);
  if (auto error = call.run(entry.item))
    return *error;
  double worst = 0;
  for (const Case::Result &result : entry.item.results) {
    const float *actual = call.find(result.name, 1);
    if (!actual)
      return Error{"the program has no '" + result.name + "'", Exit::internal};
    for (size_t i = 0; i < result.values.size(); ++i) {
      const double moved = options.isSelfTest ? 10 * tolerance * result.scale : 0;
      const double error = std::abs(actual[i] - result.values[i] - moved) / result.scale;
      worst = joined(worst, error);
    }
  }
  return worst;
}

Result<double> errorOf(const Entry<Training> &entry, const Options &options) {
  Result<Program> program = Program::load(entry.program);
  if (!program)
    return program.error();
  const Training &item = entry.item;
  Result<Session> session = Session::create(
      std::move(*program), {.device = "cuda", .batch = item.batch, .time = item.time, .seed = 7});
  if (!session)
    return session.error();
  double worst = 0;
  for (const Training::Step &step : item.steps) {
    Result<double> loss = session->step({step.tokens, step.targets, item.batch, item.time},
                                        {.rate = static_cast<float>(item.rate)});
    if (!loss)
      return loss.error();
    const double error = std::abs(*loss - step.loss - (options.isSelfTest ? 10 * tolerance : 0));
    worst = joined(worst, error);
  }
  return worst;
}

template <typename Item>
int compare(const std::vector<Entry<Item>> &entries, const Options &options) {
  int wrong = 0;
  double worst = 0;
  for (const Entry<Item> &entry : entries) {
    Result<double> error = errorOf(entry, options);
    if (error)
      worst = std::max(worst, *error);
    if (error && *error <= tolerance)
      continue;
    ++wrong;
    fmt::print("- {}: {}\n", entry.item.name,
               error ? fmt::format("error {:.3g}", *error) : error.error().message);
    if (!error && error.error().exit == Exit::device)
      break; // a device that failed once fails from then on
  }
  fmt::print("\n{} of {} agree within {:g}; the largest error is {:.3g}.\n\n",
             entries.size() - static_cast<size_t>(wrong), entries.size(), tolerance, worst);
  return wrong;
}

} // namespace

int lnx::suite::compareCases(const Bundle &bundle, const Options &options) {
  fmt::print("## Primitives beside the double evaluator\n\n");
  return compare(bundle.cases, options);
}

int lnx::suite::compareTrainings(const Bundle &bundle, const Options &options) {
  fmt::print("## Losses of trainings beside the double evaluator\n\n");
  return compare(bundle.trainings, options);
}
