// Session: memory of one training run and the calls into the program that works on it.
// Everything is reserved in create(); later calls only fill in an lnx_call.
#include "Parameters.h"
#include "SessionMemory.h"
#include "lnx/runtime.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

using namespace lnx;

namespace {

constexpr int arenaCount = 4; // parameters, gradient, m, v

constexpr std::array<const char *, LNX_ENTRY_COUNT> entryNames = {"grad",  "eval", "next", "norm",
                                                                  "adamw", "adam", "sgd"};

int entryOf(Optimizer optimizer) {
  switch (optimizer) {
  case Optimizer::adamw:
    return LNX_ENTRY_ADAMW;
  case Optimizer::adam:
    return LNX_ENTRY_ADAM;
  case Optimizer::sgd:
    return LNX_ENTRY_SGD;
  }
  return LNX_ENTRY_ADAMW;
}

Error exceeds(const std::string &what, int64_t value, const std::string &limit, int64_t most) {
  return {what + " " + std::to_string(value) + " exceeds " + limit + " " + std::to_string(most)};
}

std::optional<Error> checkShape(const lnx_program &program, int64_t batch, int64_t time) {
  if (batch < 1 || time < 1)
    return Error{"batch " + std::to_string(batch) + " and time " + std::to_string(time) +
                 " must both be at least 1"};
  if (program.context > 0 && time > program.context)
    return exceeds("time", time, "the model's context", program.context);
  return std::nullopt;
}

// The first id outside the vocabulary, named with its place.
std::optional<Error> checkIds(std::span<const int32_t> ids, const char *what, int64_t vocabulary) {
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= vocabulary)
      return Error{std::string(what) + " " + std::to_string(ids[i]) + " at position " +
                   std::to_string(i) + " is outside the vocabulary of " +
                   std::to_string(vocabulary)};
  return std::nullopt;
}

// Floats that an entry writes.
size_t resultCount(const lnx_program &program, int entry) {
  if (entry == LNX_ENTRY_NEXT)
    return static_cast<size_t>(program.vocabulary);
  return entry == LNX_ENTRY_GRAD ? static_cast<size_t>(program.observations) + 1 : 1;
}

std::optional<Error> checkMoment(const char *name, float beta) {
  if (beta >= 0 && beta < 1)
    return std::nullopt;
  return Error{std::string(name) + " " + std::to_string(beta) + " is not in [0, 1)"};
}

// 1 / (1 - beta^step): undoes that moments start at zero (Kingma and Ba 2015, section 3).
float correction(float beta, int64_t step) {
  return static_cast<float>(1 /
                            (1 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
}

std::array<float, LNX_ARGUMENT_COUNT> updateArguments(const UpdateOptions &options, double norm,
                                                      int64_t step) {
  const bool clips = options.clip > 0 && norm > options.clip;
  std::array<float, LNX_ARGUMENT_COUNT> arguments{};
  arguments[LNX_ARGUMENT_SCALE] = 1;
  arguments[LNX_ARGUMENT_RATE] = options.rate;
  arguments[LNX_ARGUMENT_DECAY] = options.decay;
  arguments[LNX_ARGUMENT_CLIP] = clips ? static_cast<float>(options.clip / norm) : 1;
  arguments[LNX_ARGUMENT_BETA1] = options.beta1;
  arguments[LNX_ARGUMENT_BETA2] = options.beta2;
  arguments[LNX_ARGUMENT_EPSILON] = options.epsilon;
  arguments[LNX_ARGUMENT_CORRECTION1] = correction(options.beta1, step);
  arguments[LNX_ARGUMENT_CORRECTION2] = correction(options.beta2, step);
  return arguments;
}

} // namespace

struct Session::State {
  Program program;
  SessionMemory memory;
  std::vector<StreamSize> hidden;
  int64_t rows = 0;
  int64_t time = 0;
  int64_t steps = 0;

  float *arena(int index) const { return memory.arenas() + index * program->state_floats; }
  std::span<const lnx_parameter> table() const {
    return {program->parameters, static_cast<size_t>(program->parameter_count)};
  }
  // One layer of a parameter in one arena.
  SessionMemory::Range range(const lnx_parameter &parameter, int64_t layer, int arena) const {
    const int64_t count = layerFloats(parameter).value_or(0);
    return {arena * program->state_floats + parameter.offset + layer * count, count};
  }
  ParameterView view(const lnx_parameter &parameter, int64_t layer) const {
    const auto part = [&](int arena) {
      const auto [from, count] = range(parameter, layer, arena);
      return std::span<float>(memory.arenas() + from, static_cast<size_t>(count));
    };
    return {layerName(parameter, layer),
            {parameter.shape, parameter.shape + parameter.rank},
            Dtype::f32,
            part(0),
            part(1),
            part(2),
            part(3)};
  }

  // Runs an entry; its result is memory.results()[0...].
  std::optional<Error> run(int entry, std::span<const int32_t> tokens,
                           std::span<const int32_t> targets, int64_t batch, int64_t time,
                           const std::array<float, LNX_ARGUMENT_COUNT> &arguments) {
    if (!program->entries[entry])
      return Error{std::string("the program has no entry '") +
                   entryNames[static_cast<size_t>(entry)] + "'"};
    return memory.run(program->entries[entry], resultCount(*program, entry),
                      {tokens, targets, batch, time, arguments});
  }

  // What grad observed over `count` rows, into `hidden`, which has its size already.
  void readObservations(int64_t count) {
    const float *sums = memory.results() + 1;
    auto *size = hidden.data();
    for (int64_t s = 0; s < program->stream_count; ++s) {
      const lnx_stream &stream = program->streams[s];
      const int64_t block = stream.layers * stream.parts;
      const double numbers = static_cast<double>(count) * static_cast<double>(stream.features);
      auto mean = [&](int64_t kind, int64_t layer) {
        double sum = 0;
        for (int64_t part = 0; part < stream.parts; ++part)
          sum += static_cast<double>(sums[kind * block + layer * stream.parts + part]);
        return sum / numbers;
      };
      for (int64_t layer = 0; layer < stream.layers; ++layer)
        *size++ = {stream.first_layer + layer, mean(0, layer), mean(1, layer), mean(2, layer)};
      sums += 3 * block;
    }
  }

  std::optional<Error> check(const TokenBatch &batch) const {
    if (auto error = checkShape(*program, batch.batch, batch.time))
      return error;
    auto count = checkedProduct({batch.batch, batch.time});
    if (!count || static_cast<int64_t>(*count) > rows)
      return Error{"batch " + std::to_string(batch.batch) + " of time " +
                   std::to_string(batch.time) + " exceeds the " + std::to_string(rows) +
                   " tokens reserved for this session"};
    if (batch.tokens.size() != *count || batch.targets.size() != *count)
      return Error{"batch " + std::to_string(batch.batch) + " of time " +
                   std::to_string(batch.time) + " needs " + std::to_string(*count) +
                   " tokens and targets, got " + std::to_string(batch.tokens.size()) + " and " +
                   std::to_string(batch.targets.size())};
    if (auto error = checkIds(batch.tokens, "token", program->vocabulary))
      return error;
    return checkIds(batch.targets, "target", program->vocabulary);
  }
};

// Why a device of `available` bytes cannot hold the session that was planned, if it cannot.
static std::optional<Error> checkMemory(const lnx_program &program, const SessionOptions &options,
                                        const MemoryPlan &plan, const std::string &device,
                                        size_t available) {
  if (plan.total() <= available)
    return std::nullopt;
  const int64_t fits = largestBatch(program, options, available);
  const std::string time = " of time " + std::to_string(options.time);
  return Error{"batch " + std::to_string(options.batch) + time + " needs " +
                   mebibytes(plan.total()) + " of memory (" + mebibytes(plan.state()) +
                   " for parameters, gradients and moments, " + mebibytes(plan.scratch()) +
                   " for activations, " + mebibytes(plan.workspace) + " for matrix products), " +
                   mebibytes(available) + " are available on " + device + "\nhelp: " +
                   (fits > 0 ? "a micro-batch of " + std::to_string(fits) + time + " fits"
                             : "not even one sequence" + time +
                                   " fits: take a shorter time or a "
                                   "smaller model"),
               options.device == "cpu" ? Exit::io : Exit::device};
}

// Beside a device with memory of its own the host keeps a copy of the parameters.
static std::optional<Error> checkHost(const MemoryPlan &plan) {
  const size_t available = availableMemory();
  if (plan.host <= available)
    return std::nullopt;
  return Error{"the host keeps a copy of parameters, gradients and moments, " +
                   mebibytes(plan.host) + ", but has only " + mebibytes(available) + " available",
               Exit::io};
}

Session::Session(std::unique_ptr<State> state) : state(std::move(state)) {}
Session::Session(Session &&) noexcept = default;
Session &Session::operator=(Session &&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(Program program, const SessionOptions &options) {
  const lnx_program &code = *program;
  const bool isCpu = options.device == "cpu";
  if (isCpu && code.device_code)
    return Error{"the program was compiled for CUDA and cannot run on the CPU", Exit::device};
  if (auto error = checkParameters(code))
    return *error;
  Result<MemoryPlan> plan = planMemory(code, options);
  if (!plan)
    return plan.error();
  // Before any thread starts.
  if (isCpu)
    if (auto error = checkMemory(code, options, *plan, "this machine", availableMemory()))
      return *error;
  if (auto error = checkHost(*plan))
    return *error;

  auto state = std::make_unique<State>();
  Result<std::unique_ptr<Device>> cpu = createCpuDevice(options.threads);
  if (!cpu)
    return cpu.error();
  // Parameters are drawn by the processor in any case.
  Result<std::unique_ptr<Device>> device = isCpu ? std::move(cpu) : createCudaDevice(code);
  if (!device)
    return device.error();
  if (!isCpu) // its workspace is reserved already
    if (auto error = checkMemory(code, options, *plan, "'" + (*device)->name() + "'",
                                 (*device)->freeBytes() + (*device)->workspaceBytes()))
      return *error;
  state->rows = options.batch * options.time;
  state->time = options.time;
  int64_t observed = 0;
  for (int64_t s = 0; s < code.stream_count; ++s)
    observed += code.streams[s].layers;
  state->hidden.resize(static_cast<size_t>(observed));
  state->program = std::move(program);
  Result<SessionMemory> memory = SessionMemory::reserve(std::move(*device), *plan);
  if (!memory)
    return memory.error();
  state->memory = std::move(*memory);
  initialiseParameters(*state->program, options.seed, isCpu ? state->memory.device() : **cpu,
                       state->memory.arenas());
  state->memory.lend({0, state->program->state_floats});
  return Session(std::move(state));
}

const Program &Session::program() const { return state->program; }

Result<double> Session::gradient(const TokenBatch &batch, double scale) {
  if (auto error = state->check(batch))
    return *error;
  std::array<float, LNX_ARGUMENT_COUNT> arguments{};
  arguments[LNX_ARGUMENT_SCALE] = static_cast<float>(scale);
  if (auto error = state->run(LNX_ENTRY_GRAD, batch.tokens, batch.targets, batch.batch, batch.time,
                              arguments))
    return *error;
  state->readObservations(batch.batch * batch.time);
  return static_cast<double>(state->memory.results()[0]);
}

std::span<const StreamSize> Session::hiddenStatistics() const { return state->hidden; }

Result<double> Session::evaluate(const TokenBatch &batch) {
  if (auto error = state->check(batch))
    return *error;
  if (auto error =
          state->run(LNX_ENTRY_EVAL, batch.tokens, batch.targets, batch.batch, batch.time, {}))
    return *error;
  return static_cast<double>(state->memory.results()[0]);
}

Result<std::span<const float>> Session::next(std::span<const int32_t> tokens) {
  const auto time = static_cast<int64_t>(tokens.size());
  const lnx_program &program = *state->program;
  if (auto error = checkShape(program, 1, time))
    return *error;
  if (time > state->rows)
    return exceeds("a prompt of", time, "the tokens reserved for this session:", state->rows);
  if (auto error = checkIds(tokens, "token", program.vocabulary))
    return *error;
  if (auto error = state->run(LNX_ENTRY_NEXT, tokens, {}, 1, time, {}))
    return *error;
  return std::span<const float>(state->memory.results(), static_cast<size_t>(program.vocabulary));
}

Result<UpdateReport> Session::update(const UpdateOptions &options) {
  const int entry = entryOf(options.optimizer);
  if (!state->program->entries[entry])
    return Error{std::string("the program has no entry '") +
                 entryNames[static_cast<size_t>(entry)] + "'"};
  if (auto error = checkMoment("beta1", options.beta1))
    return *error;
  if (auto error = checkMoment("beta2", options.beta2))
    return *error;
  if (auto error = state->run(LNX_ENTRY_NORM, {}, {}, 0, 0, {}))
    return *error;
  UpdateReport report;
  report.gradientNorm = std::sqrt(static_cast<double>(state->memory.results()[0]));
  report.finite = std::isfinite(report.gradientNorm);
  if (!report.finite)
    return report;

  const int64_t step = state->steps + 1;
  const auto arguments = updateArguments(options, report.gradientNorm, step);
  if (auto error = state->run(entry, {}, {}, 0, 0, arguments))
    return *error;
  state->steps = step;
  return report;
}

Result<double> Session::step(const TokenBatch &batch, const UpdateOptions &options) {
  Result<double> loss = gradient(batch);
  if (!loss)
    return loss;
  const Result<UpdateReport> report = update(options);
  if (!report)
    return report.error();
  if (!report->finite)
    return Error{"step " + std::to_string(state->steps + 1) +
                     ": the gradient is not finite, loss " + std::to_string(*loss) +
                     ", nothing was updated",
                 Exit::unstable};
  return loss;
}

std::vector<ParameterView> Session::parameters() {
  // A device that cannot be read any more says so at the next call.
  if (!state->memory.fetch(state->memory.everything()))
    state->memory.lend(state->memory.everything());
  return views();
}

std::vector<ParameterView> Session::views() const {
  std::vector<ParameterView> views;
  for (const lnx_parameter &parameter : state->table())
    for (int64_t layer = 0; layer < parameter.layers; ++layer)
      views.push_back(state->view(parameter, layer));
  return views;
}

Result<ParameterView> Session::parameter(std::string_view name) {
  for (const lnx_parameter &parameter : state->table())
    for (int64_t layer = 0; layer < parameter.layers; ++layer) {
      if (layerName(parameter, layer) != name)
        continue;
      for (int arena = 0; arena < arenaCount; ++arena) {
        const SessionMemory::Range range = state->range(parameter, layer, arena);
        if (auto error = state->memory.fetch(range))
          return *error;
        state->memory.lend(range);
      }
      return state->view(parameter, layer);
    }
  return Error{"the model has no parameter '" + std::string(name) + "'"};
}

Result<std::span<const float>> Session::read(const lnx_parameter &parameter, int64_t layer) {
  assert(layer >= 0 && layer < parameter.layers && "the parameter has no such layer");
  if (auto error = state->memory.fetch(state->range(parameter, layer, 0)))
    return *error;
  return std::span<const float>(state->view(parameter, layer).value);
}

std::optional<Error> Session::fetchValues() const {
  const int64_t floats = state->program->state_floats;
  if (auto error = state->memory.fetch({0, floats}))
    return error;
  return state->memory.fetch({2 * floats, 2 * floats}); // behind the gradient: m and v
}

void Session::lendEverything() { state->memory.lend(state->memory.everything()); }

int64_t Session::reach() const { return state->time; }
int64_t Session::steps() const { return state->steps; }
void Session::setSteps(int64_t steps) { state->steps = steps; }

Session::Memory Session::memory() const { return state->memory.bytes(); }

uint64_t Session::parameterHash() const {
  // A device that cannot be read any more says so at the next call.
  state->memory.fetch({0, state->program->state_floats});
  return hashParameters(*state->program, state->arena(0));
}
