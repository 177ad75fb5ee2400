// Attention: tasks are (sequence, head, queries) forward and (sequence, key head) or blocks
// backward. No two tasks write the same number, so there are no atomics and no order to depend on.
#include "device/cpu/Attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lnx;

namespace {

// Queries of one forward task: each packed block of keys serves so many.
constexpr int64_t taskQueries = 256;
// With fewer (sequence, key head) pairs than this, threads would wait in the backward pass.
constexpr int64_t fewKeyHeads = 4;

float dot(const float *x, const float *y, int64_t size) {
  float total = 0;
  for (int64_t i = 0; i < size; ++i)
    total += x[i] * y[i];
  return total;
}

float cappedScore(const AttentionCall &call, float score) {
  score *= call.scale;
  return call.softcap > 0 ? call.softcap * std::tanh(score / call.softcap) : score;
}

// One query row, keys one after another, the output row itself as accumulator.
void attendRow(const AttentionCall &call, int64_t sequence, int64_t head, int64_t position) {
  const int64_t size = call.size, kvHead = head / (call.heads / call.kvHeads);
  const int64_t row = sequence * call.time + position;
  const float *q = call.q + (row * call.heads + head) * size;
  float *o = call.out + (row * call.heads + head) * size;
  std::fill_n(o, size, 0.0f);
  float largest = -std::numeric_limits<float>::infinity(), total = 0;
  for (int64_t key = 0, keys = call.causal ? position + 1 : call.time; key < keys; ++key) {
    const int64_t at = ((sequence * call.time + key) * call.kvHeads + kvHead) * size;
    float score = cappedScore(call, dot(q, call.k + at, size));
    if (!(score <= largest)) {
      float shrink = std::exp(largest - score);
      total *= shrink;
      for (int64_t i = 0; i < size; ++i)
        o[i] *= shrink;
      largest = score;
    }
    float weight = std::exp(score - largest);
    total += weight;
    for (int64_t i = 0; i < size; ++i)
      o[i] += weight * call.v[at + i];
  }
  for (int64_t i = 0; i < size; ++i)
    o[i] /= total;
  call.outLse[row * call.heads + head] = largest + std::log(total);
}

// Gradients from one query row of one head; adds to dk and dv.
void attendGradRow(const AttentionCall &call, int64_t sequence, int64_t head, int64_t position) {
  const int64_t size = call.size, kvHead = head / (call.heads / call.kvHeads);
  const int64_t row = sequence * call.time + position;
  const int64_t query = (row * call.heads + head) * size;
  const float delta = dot(call.od + query, call.o + query, size);
  std::fill_n(call.dq + query, size, 0.0f);
  for (int64_t key = 0, keys = call.causal ? position + 1 : call.time; key < keys; ++key) {
    const int64_t at = ((sequence * call.time + key) * call.kvHeads + kvHead) * size;
    const float score = cappedScore(call, dot(call.q + query, call.k + at, size));
    const float weight = std::exp(score - call.lse[row * call.heads + head]);
    const float capSlope =
        call.softcap > 0 ? 1 - (score / call.softcap) * (score / call.softcap) : 1;
    const float slope =
        weight * (dot(call.od + query, call.v + at, size) - delta) * capSlope * call.scale;
    for (int64_t i = 0; i < size; ++i) {
      call.dv[at + i] += weight * call.od[query + i];
      call.dk[at + i] += slope * call.q[query + i];
      call.dq[query + i] += slope * call.k[at + i];
    }
  }
}

void attendGradPlain(const AttentionCall &call, int64_t sequence, int64_t kvHead) {
  const int64_t group = call.heads / call.kvHeads;
  for (int64_t t = 0; t < call.time; ++t) {
    const int64_t at = ((sequence * call.time + t) * call.kvHeads + kvHead) * call.size;
    std::fill_n(call.dk + at, call.size, 0.0f);
    std::fill_n(call.dv + at, call.size, 0.0f);
  }
  for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head)
    for (int64_t t = 0; t < call.time; ++t)
      attendGradRow(call, sequence, head, t);
}

// Few key heads: blocks of keys and blocks of queries are tasks of their own, at the price of
// computing the scores twice.
void attendGradByBlocks(const AttentionCall &call, Pool &pool, const MicroKernel &kernel,
                        const Workspace &workspace) {
  const int64_t blocks = (call.time + attentionBlock - 1) / attentionBlock;
  const int64_t keyTasks = call.batch * call.kvHeads * blocks;
  const int64_t queryTasks = call.batch * call.heads * blocks;
  pool.forEach(keyTasks + queryTasks, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t task = lo; task < hi; ++task) {
      const bool keys = task < keyTasks;
      const int64_t index = keys ? task : task - keyTasks;
      const int64_t first = index % blocks * attentionBlock, head = index / blocks;
      if (keys)
        kernel.attendGrad(call, head / call.kvHeads, head % call.kvHeads, first,
                          std::min(attentionBlock, call.time - first), /*queries=*/false,
                          workspace.lane());
      else
        kernel.attendGradQueries(call, head / call.heads, head % call.heads, first,
                                 workspace.lane());
    }
  });
}

} // namespace

int64_t lnx::attentionLaneFloats(const MicroKernel &kernel) {
  return std::max(kernel.attendFloats(), kernel.attendGradFloats());
}

void lnx::attend(const AttentionCall &call, Pool &pool, const MicroKernel &kernel,
                 const Workspace &workspace) {
  const int64_t heads = call.batch * call.heads;
  if (call.size > attentionLargestSize) {
    pool.forEach(heads * call.time, 1, [&](int64_t lo, int64_t hi) {
      for (int64_t i = lo; i < hi; ++i)
        attendRow(call, i / call.time / call.heads, i / call.time % call.heads, i % call.time);
    });
    return;
  }
  const int64_t fitting = attentionQueryFloats / (call.size + 15) / attentionBlock * attentionBlock;
  const int64_t queries = std::clamp(fitting, attentionBlock, taskQueries);
  const int64_t blocks = (call.time + queries - 1) / queries;
  // Later queries see more keys under a causal mask: the longest tasks go first.
  pool.forEach(blocks * heads, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t task = lo; task < hi; ++task) {
      const int64_t first = (blocks - 1 - task / heads) * queries, head = task % heads;
      kernel.attend(call, head / call.heads, head % call.heads, first,
                    std::min(queries, call.time - first), workspace.lane());
    }
  });
}

void lnx::attendGrad(const AttentionCall &call, Pool &pool, const MicroKernel &kernel,
                     const Workspace &workspace) {
  const int64_t keyHeads = call.batch * call.kvHeads;
  if (keyHeads < fewKeyHeads && call.size <= attentionLargestSize)
    return attendGradByBlocks(call, pool, kernel, workspace);
  pool.forEach(keyHeads, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t task = lo; task < hi; ++task) {
      const int64_t sequence = task / call.kvHeads, kvHead = task % call.kvHeads;
      if (call.size > attentionLargestSize)
        attendGradPlain(call, sequence, kvHead);
      else
        kernel.attendGrad(call, sequence, kvHead, 0, call.time, /*queries=*/true, workspace.lane());
    }
  });
}
