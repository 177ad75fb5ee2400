// lnxPlan: `lnx plan`: memory and work of a training step, before there is one.
// The program is compiled for its target, so the bytes are those that a session reserves.
#include "lnxCommand.h"

#include "lnx/machine.h"
#include "lnx/plan.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lnx::tool {
namespace {

struct PlanCommand {
  ModelChoice model;
  std::string gpu; // empty: this machine's processor
  SessionOptions shape{.batch = 8};
  CLI::Option *time = nullptr; // where it is not given, the model's context
  bool json = false;
};

// Bytes of a device, and those of them that a session cannot have.
struct Capacity {
  std::string name;
  size_t bytes, reserved;
};

// What cuMemGetInfo says in total, published: 79.11 GiB of an H100 80GB HBM3 (vllm issue 27508),
// 139.7 GiB of an H200; nvidia-smi says 81559 and 143771 MiB. Of that the driver's context takes
// about 0.5 GiB (published: 555 MiB on a GPU of 188 multiprocessors, llama.cpp pull request 23604);
// 1 GiB is held back for it, the kernels, cuBLASLt, and rounding to pages of 2 MiB. Not measured
// here.
Capacity capacityOf(const std::string &gpu) {
  constexpr double gibibyte = 1 << 30;
  auto bytes = [](double gibibytes) { return static_cast<size_t>(gibibytes * gibibyte); };
  if (gpu == "h100")
    return {"h100", bytes(79.11), bytes(1)};
  if (gpu == "h200")
    return {"h200", bytes(139.7), bytes(1)};
  return {"this machine", describeMachine().availableMemory, 0};
}

struct Planned {
  MemoryPlan memory;
  Capacity capacity;
  int64_t parameters = 0;
  int64_t batch = 0, time = 0;
  int64_t largest = 0;     // micro-batch that fits
  double flopPerToken = 0; // 6 N + 12 L C T
  double productsPerToken = 0;

  size_t needed() const { return memory.total() + capacity.reserved; }
  bool fits() const { return needed() <= capacity.bytes; }
};

Result<Planned> planOf(const PlanCommand &command, const lnx_program &program) {
  SessionOptions shape = command.shape;
  shape.device = command.gpu.empty() ? "cpu" : "cuda";
  if ((shape.device == "cuda") != (program.device_code != nullptr))
    return Error{fmt::format("'{}' was compiled for the {}: plan it {} '--gpu'", command.model.path,
                             program.device_code ? "GPU" : "CPU",
                             program.device_code ? "with" : "without"),
                 Exit::usage};
  if (command.time->empty())
    shape.time = program.context > 0 ? program.context : 256;
  Result<MemoryPlan> memory = planMemory(program, shape);
  if (!memory)
    return memory.error();
  Planned planned{*memory, capacityOf(command.gpu), parameterCount(program), shape.batch,
                  shape.time};
  const size_t usable = planned.capacity.bytes - planned.capacity.reserved;
  planned.largest = largestBatch(program, shape, usable);
  // A step has seven products of attention, two forward and five backward, of which one computes
  // the scores again; PaLM (Chowdhery et al. 2022, appendix B) counts six of 2 C FLOP for each
  // pair.
  const double pairs =
      static_cast<double>(program.attend_flops_per_pair) * static_cast<double>(shape.time);
  planned.flopPerToken = 6 * static_cast<double>(planned.parameters) + pairs * 6 / 7;
  planned.productsPerToken = static_cast<double>(program.flops_per_row) + pairs;
  return planned;
}

std::string scaledFlop(double flop) {
  const char *unit = flop >= 1e9 ? "GFLOP" : flop >= 1e6 ? "MFLOP" : "kFLOP";
  return fmt::format("{:.4g} {}", flop / (flop >= 1e9 ? 1e9 : flop >= 1e6 ? 1e6 : 1e3), unit);
}

std::string page(const Planned &p, const lnx_program &program) {
  const MemoryPlan &m = p.memory;
  std::string text = fmt::format("{}: {} parameters, depth {}, batch {} of time {}\n", program.name,
                                 shortCount(p.parameters), program.depth, p.batch, p.time);
  auto line = [&](const char *name, const std::string &value, const std::string &what = "") {
    text += what.empty() ? fmt::format("{:<14} {:>11}\n", name, value)
                         : fmt::format("{:<14} {:>11}   {}\n", name, value, what);
  };
  line("parameters", shortBytes(m.parameters));
  line("gradients", shortBytes(m.gradients));
  line("optimizer", shortBytes(m.optimizer), "both moments");
  const int64_t tokens = p.batch * p.time;
  line("activations", shortBytes(m.scratchRows),
       fmt::format("kept and temporary, {} bytes a token",
                   m.scratchRows / static_cast<size_t>(std::max<int64_t>(tokens, 1))));
  line("fixed scratch", shortBytes(m.scratchFixed), "column sums, chunks of logits");
  line("products", shortBytes(m.workspace), "workspace of the matrix products");
  line("results", shortBytes(m.results + m.inputs), "tokens, targets, what a call returns");
  if (p.capacity.reserved)
    line("reserve", shortBytes(p.capacity.reserved), "the driver's context, kernels, libraries");
  line("total", shortBytes(p.needed()),
       fmt::format("of {} {} {}", shortBytes(p.capacity.bytes),
                   p.capacity.reserved ? "of" : "available on", p.capacity.name));
  if (m.host)
    line("host", shortBytes(m.host), "its copy of parameters, gradients and moments");
  line("largest batch", std::to_string(p.largest),
       fmt::format("sequences of {} that fit at once", p.time));
  line("tokens a step", std::to_string(tokens));
  line("a token", scaledFlop(p.flopPerToken), "6 N + 12 L C T (PaLM), N all parameters");
  line("", scaledFlop(p.productsPerToken),
       "in the program's matrix products, scores computed twice");
  return text;
}

using Json = nlohmann::ordered_json;

std::string json(const Planned &p, const lnx_program &program) {
  const MemoryPlan &m = p.memory;
  const Json bytes = {{"parameters", m.parameters},
                      {"gradients", m.gradients},
                      {"optimizer", m.optimizer},
                      {"activations", m.scratchRows},
                      {"fixed_scratch", m.scratchFixed},
                      {"products", m.workspace},
                      {"results", m.results},
                      {"inputs", m.inputs},
                      {"session", m.total()},
                      {"reserve", p.capacity.reserved},
                      {"total", p.needed()},
                      {"host", m.host}};
  const Json all = {{"model", program.name},
                    {"parameters", p.parameters},
                    {"device", p.capacity.name},
                    {"batch", p.batch},
                    {"time", p.time},
                    {"bytes", bytes},
                    {"device_bytes", p.capacity.bytes},
                    {"fits", p.fits()},
                    {"largest_batch", p.largest},
                    {"tokens_per_step", p.batch * p.time},
                    {"flop_per_token", p.flopPerToken},
                    {"flop_formula", "6 N + 12 L C T (PaLM), N all parameters"},
                    {"product_flop_per_token", p.productsPerToken}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Error> checkShape(const PlanCommand &command) {
  for (auto [name, value] : {std::pair{"batch", command.shape.batch}, {"time", command.shape.time}})
    if (value < 1)
      return Error{fmt::format("'{}' is {}, it must be at least 1", name, value), Exit::usage};
  return std::nullopt;
}

Exit runPlan(PlanCommand &command) {
  if (auto error = checkShape(command))
    return fail(*error);
  command.model.device = command.gpu.empty() ? "cpu" : "cuda";
  Result<Program> program = openModel(command.model);
  if (!program)
    return fail(program.error());
  Result<Planned> planned = planOf(command, **program);
  if (!planned)
    return fail(planned.error());
  say(stdout, command.json ? json(*planned, **program) : page(*planned, **program));
  if (planned->fits())
    return Exit::done;
  return fail(
      {fmt::format("batch {} of time {} needs {}, {} has {}\nhelp: {}", planned->batch,
                   planned->time, shortBytes(planned->needed()), planned->capacity.name,
                   shortBytes(planned->capacity.bytes),
                   planned->largest > 0 ? fmt::format("a micro-batch of {} fits", planned->largest)
                                        : "take a shorter time or a smaller model"),
       command.gpu.empty() ? Exit::io : Exit::device});
}

} // namespace

void addPlan(CLI::App &app, Action &action) {
  auto options = std::make_shared<PlanCommand>();
  CLI::App *command =
      app.add_subcommand("plan", "memory and work of a training step, before there is one");
  addModelOptions(*command, options->model);
  command->add_option("--gpu", options->gpu, "h100 or h200 (default: this machine's processor)")
      ->check(CLI::IsMember({"h100", "h200"}));
  command->add_option("--batch", options->shape.batch, "sequences of a micro-batch")
      ->capture_default_str();
  options->time =
      command->add_option("--time", options->shape.time,
                          "tokens of a sequence (default: the model's context, else 256)");
  command->add_option("--threads", options->shape.threads, "of the processor, 0: all")
      ->check(CLI::Range(0, 1024));
  command->add_flag("--json", options->json, "print the plan as JSON, in bytes");
  command->footer(
      "The model is compiled for the device: the bytes are those that training reserves.\n"
      "Examples:\n"
      "  lnx plan gpt2.lnx\n"
      "  lnx plan gpt2_xl.lnx --gpu h100 --batch 4 --time 1024 --precision f32\n"
      "  lnx plan gpt2.lnx --set depth=48 --gpu h200 --json\n"
      "Exit codes: 6 it does not fit into this machine's memory, 7 not into the GPU's.");
  command->callback([options, &action] {
    action = [options](const CommandLine &) { return runPlan(*options); };
  });
}

} // namespace lnx::tool
