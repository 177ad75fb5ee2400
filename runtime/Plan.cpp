// Plan: sizes of a session from the program's own table of bytes per row.
// Every product is checked; Session reserves what this file says.
#include "lnx/plan.h"
#include "Block.h"
#include "device/Device.h"

#include <algorithm>

using namespace lnx;

namespace {

constexpr int64_t rowGroup = 16; // scratch is planned for whole groups of rows
static_assert(LNX_ARGUMENT_COUNT * sizeof(float) <= MemoryPlan::argumentBytes);

std::optional<Error> checkShape(const lnx_program &program, const SessionOptions &options) {
  if (options.device != "cpu" && options.device != "cuda")
    return Error{"there is no device '" + options.device + "', only 'cpu' and 'cuda'",
                 Exit::device};
  if (options.batch < 1 || options.time < 1)
    return Error{"batch " + std::to_string(options.batch) + " and time " +
                 std::to_string(options.time) + " must both be at least 1"};
  if (program.context > 0 && options.time > program.context)
    return Error{"time " + std::to_string(options.time) + " exceeds the model's context " +
                 std::to_string(program.context)};
  return std::nullopt;
}

// Scratch of the entry that needs most for `rows` rows; false when that cannot be counted.
bool planScratch(const lnx_program &program, int64_t rows, MemoryPlan &plan) {
  for (int i = 0; i < LNX_ENTRY_COUNT; ++i) {
    const auto perRow = checkedProduct({program.scratch_bytes_per_row[i], rows});
    const auto fixed = checkedProduct({program.scratch_fixed_bytes[i]});
    if (!perRow || !fixed)
      return false;
    if (*perRow + *fixed > plan.scratch()) {
      plan.scratchRows = *perRow;
      plan.scratchFixed = *fixed;
    }
  }
  return true;
}

} // namespace

Result<MemoryPlan> lnx::planMemory(const lnx_program &program, const SessionOptions &options) {
  if (auto error = checkShape(program, options))
    return *error;
  const bool isCpu = options.device == "cpu";
  const Result<size_t> workspace =
      isCpu ? cpuWorkspaceBytes(options.threads) : cudaWorkspaceBytes();
  if (!workspace)
    return workspace.error();
  const auto rows = checkedProduct({options.batch, options.time});
  const auto arena = checkedProduct({program.state_floats, sizeof(float)});
  const auto arenas = checkedProduct({program.state_floats, 4, sizeof(float)});
  const auto results = checkedProduct(
      {std::max<int64_t>({program.vocabulary, program.observations + 1, 16}), sizeof(float)});
  MemoryPlan plan;
  const auto grouped =
      rows ? static_cast<int64_t>((*rows + rowGroup - 1) / rowGroup * rowGroup) : int64_t{0};
  if (!rows || !arenas || !results || !planScratch(program, grouped, plan))
    return Error{"batch " + std::to_string(options.batch) + " of time " +
                     std::to_string(options.time) + " needs more memory than can be counted",
                 Exit::io};
  plan.parameters = plan.gradients = *arena;
  plan.optimizer = 2 * *arena;
  plan.workspace = *workspace;
  plan.results = *results;
  if (!isCpu) {
    plan.inputs = MemoryPlan::argumentBytes + 2 * ((*rows * sizeof(int32_t) + 63) / 64 * 64);
    plan.host = *arenas + *results + plan.inputs;
  }
  return plan;
}

int64_t lnx::largestBatch(const lnx_program &program, SessionOptions options, size_t bytes) {
  auto fits = [&](int64_t batch) {
    options.batch = batch;
    const Result<MemoryPlan> plan = planMemory(program, options);
    return plan && plan->total() <= bytes;
  };
  // Doubled until it does not fit, then halved in between.
  int64_t least = 0, most = 1;
  while (most < int64_t{1} << 40 && fits(most)) {
    least = most;
    most *= 2;
  }
  while (most - least > 1) {
    const int64_t middle = least + (most - least) / 2;
    (fits(middle) ? least : most) = middle;
  }
  return least;
}
