// BigramProgram.cpp: the entry points of the bigram model.
// Also built as bigram.so, for tests of the tool. Arenas are parameter, gradient, m, v; the table
// is at 0 and decayed, the bias at 1024.
#include "BigramProgram.h"

#include <array>
#include <cmath>
#include <limits>

namespace lnx {

static constexpr int64_t arena = 2048, biasAt = 1024, vocabulary = bigramVocabulary;

static float *arenaOf(const lnx_call *call, int64_t index) {
  return static_cast<float *>(call->state) + index * arena;
}

// Probabilities of one row; returns its loss.
static double softmaxRow(const lnx_call *call, int64_t row, std::array<double, 16> &p) {
  const float *w = arenaOf(call, 0);
  int32_t token = call->tokens[row];
  double sum = 0;
  for (int64_t i = 0; i < vocabulary; ++i)
    sum += p[i] = std::exp(double(w[token * vocabulary + i]) + w[biasAt + i]);
  for (double &x : p)
    x /= sum;
  if (token == spoilsLoss)
    return std::numeric_limits<double>::quiet_NaN();
  return -std::log(p[call->targets[row]]);
}

static void eval(const lnx_call *call) {
  std::array<double, 16> p;
  double loss = 0;
  int64_t rows = call->batch * call->time;
  for (int64_t row = 0; row < rows; ++row)
    loss += softmaxRow(call, row, p);
  call->results[0] = static_cast<float>(loss / double(rows));
}

static void grad(const lnx_call *call) {
  std::array<double, 16> p;
  float *g = arenaOf(call, 1);
  int64_t rows = call->batch * call->time;
  double scale = call->arguments[LNX_ARGUMENT_SCALE] / double(rows), loss = 0;
  for (int64_t row = 0; row < rows; ++row) {
    loss += softmaxRow(call, row, p);
    p[call->targets[row]] -= 1;
    for (int64_t i = 0; i < vocabulary; ++i) {
      g[call->tokens[row] * vocabulary + i] += static_cast<float>(scale * p[i]);
      g[biasAt + i] += static_cast<float>(scale * p[i]);
    }
    if (call->tokens[row] == overflowsNorm)
      g[biasAt + 3] = 1e30f;
    if (call->tokens[row] == spoilsGradient)
      g[biasAt + 3] = std::numeric_limits<float>::infinity();
  }
  call->results[0] = static_cast<float>(loss / double(rows));
}

static void next(const lnx_call *call) {
  const float *w = arenaOf(call, 0);
  int32_t token = call->tokens[call->batch * call->time - 1];
  for (int64_t i = 0; i < vocabulary; ++i)
    call->results[i] = w[token * vocabulary + i] + w[biasAt + i];
}

static void norm(const lnx_call *call) {
  const float *g = arenaOf(call, 1);
  double sum = 0;
  for (int64_t i = 0; i < arena; ++i)
    sum += double(g[i]) * g[i];
  call->results[0] = static_cast<float>(sum);
}

template <bool decoupled> static void adam(const lnx_call *call) {
  const float *a = call->arguments;
  float *w = arenaOf(call, 0), *g = arenaOf(call, 1), *m = arenaOf(call, 2), *v = arenaOf(call, 3);
  for (int64_t i = 0; i < arena; ++i) {
    float decay = i < biasAt ? a[LNX_ARGUMENT_DECAY] : 0;
    float x = g[i] * a[LNX_ARGUMENT_CLIP] + (decoupled ? 0 : decay * w[i]);
    m[i] = a[LNX_ARGUMENT_BETA1] * m[i] + (1 - a[LNX_ARGUMENT_BETA1]) * x;
    v[i] = a[LNX_ARGUMENT_BETA2] * v[i] + (1 - a[LNX_ARGUMENT_BETA2]) * x * x;
    float step = m[i] * a[LNX_ARGUMENT_CORRECTION1] /
                 (std::sqrt(v[i] * a[LNX_ARGUMENT_CORRECTION2]) + a[LNX_ARGUMENT_EPSILON]);
    w[i] -= a[LNX_ARGUMENT_RATE] * (step + (decoupled ? decay * w[i] : 0));
    g[i] = 0;
  }
}

static void sgd(const lnx_call *call) {
  const float *a = call->arguments;
  float *w = arenaOf(call, 0), *g = arenaOf(call, 1), *m = arenaOf(call, 2);
  for (int64_t i = 0; i < arena; ++i) {
    float decay = i < biasAt ? a[LNX_ARGUMENT_DECAY] : 0;
    m[i] = a[LNX_ARGUMENT_BETA1] * m[i] + g[i] * a[LNX_ARGUMENT_CLIP] + decay * w[i];
    w[i] -= a[LNX_ARGUMENT_RATE] * m[i];
    g[i] = 0;
  }
}

static constexpr double tableStd[] = {0.02}, zero[] = {0};

static constexpr lnx_parameter parameters[] = {
    {.name = "table",
     .offset = 0,
     .first_layer = 0,
     .layers = 1,
     .shape = {vocabulary, vocabulary},
     .rank = 2,
     .init = LNX_INIT_NORMAL,
     .init_a = tableStd,
     .init_b = zero,
     .decay = 1,
     .reserved = 0},
    {.name = "bias",
     .offset = biasAt,
     .first_layer = 0,
     .layers = 1,
     .shape = {vocabulary},
     .rank = 1,
     .init = LNX_INIT_CONST,
     .init_a = zero,
     .init_b = zero,
     .decay = 0,
     .reserved = 0},
};

// What the loader reads before it loads: name "lnx", type 1, ABI version, CPU.
[[gnu::section(".note.lnx"), gnu::used, gnu::aligned(4)]] static const struct {
  uint32_t nameSize, size, type;
  char name[4];
  uint32_t version;
  char cpu[8];
} note = {4, 12, 1, "lnx", LNX_ABI_VERSION, "x86-64"};

} // namespace lnx

using namespace lnx;

extern "C" constinit const lnx_program lnx_program_v1 = {
    .abi_version = LNX_ABI_VERSION,
    .parameter_count = 2,
    .parameters = parameters,
    .state_floats = arena,
    .decay_floats = biasAt,
    .entries = {grad, eval, next, norm, adam<true>, adam<false>, sgd},
    .scratch_bytes_per_row = {},
    .scratch_fixed_bytes = {64, 64, 64, 64, 64, 64, 64},
    .vocabulary = vocabulary,
    .context = bigramContext,
    .depth = 1,
    .flops_per_row = 0,
    .attend_flops_per_pair = 0,
    .name = "bigram",
    .spec = "model bigram",
    .spec_hash = 1,
    .cpu = "x86-64",
    .stream_count = 0,
    .streams = nullptr,
    .observations = 0,
    .device_code = nullptr,
    .kernel_count = 0,
    .kernels = nullptr,
};
