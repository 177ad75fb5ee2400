// Cpu: fills the table of calls with functions that only unpack their arguments.
// Relies on the caller to run one entry at a time.
#include "device/cpu/Cpu.h"

#include <algorithm>
#include <cstring>

using namespace lnx;

namespace {

Cpu &self(void *context) { return *static_cast<Cpu *>(context); }

void callParallel(void *context, lnx_kernel kernel, const uint64_t *slots, int64_t n,
                  int64_t grain) {
  self(context).threads().run(kernel, slots, n, grain);
}

void callGemm(void *context, int64_t transposeA, int64_t transposeB, int64_t m, int64_t n,
              int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
              int64_t accumulate, float *c, int64_t ldc) {
  Cpu &cpu = self(context);
  gemm({transposeA != 0, transposeB != 0, m, n, k, a, lda, b, ldb, accumulate != 0, c, ldc},
       cpu.threads(), cpu.microKernel(), cpu.lent());
}

void callAttend(void *context, const float *q, const float *k, const float *v, float *o, float *lse,
                int64_t batch, int64_t time, int64_t heads, int64_t kvHeads, int64_t size,
                int64_t causal, float scale, float softcap) {
  Cpu &cpu = self(context);
  AttentionCall call{};
  call.q = q, call.k = k, call.v = v, call.out = o, call.outLse = lse;
  call.batch = batch, call.time = time, call.heads = heads, call.kvHeads = kvHeads,
  call.size = size;
  call.causal = causal != 0, call.scale = scale, call.softcap = softcap;
  attend(call, cpu.threads(), cpu.microKernel(), cpu.lent());
}

void callAttendGrad(void *context, const float *q, const float *k, const float *v, const float *o,
                    const float *lse, const float *od, float *dq, float *dk, float *dv,
                    int64_t batch, int64_t time, int64_t heads, int64_t kvHeads, int64_t size,
                    int64_t causal, float scale, float softcap) {
  Cpu &cpu = self(context);
  const AttentionCall call{q,  k,     v,    o,     lse,     od,   nullptr,     nullptr, dq,     dk,
                           dv, batch, time, heads, kvHeads, size, causal != 0, scale,   softcap};
  attendGrad(call, cpu.threads(), cpu.microKernel(), cpu.lent());
}

// Rounds up to a whole number of cache lines, so that threads never share one.
int64_t wholeLines(int64_t floats) { return (floats + 15) / 16 * 16; }

std::optional<Error> checkThreads(int threads) {
  constexpr int most = 1024;
  if (threads >= 0 && threads <= most)
    return std::nullopt;
  return Error{"cannot use " + std::to_string(threads) + " threads, the limit is " +
                   std::to_string(most),
               Exit::usage};
}

// Floats that each thread works in; the last line of each part holds its stamp.
int64_t laneFloats(const MicroKernel &kernel) {
  return wholeLines(std::max(gemmLaneFloats(kernel), attentionLaneFloats(kernel))) + 16;
}

} // namespace

Cpu::Cpu(int threads, const MicroKernel &kernel) : pool(threads), kernel(&kernel) {
  table.context = this;
  table.parallel = callParallel;
  table.gemm = callGemm;
  table.attend = callAttend;
  table.attend_grad = callAttendGrad;
}

Result<std::unique_ptr<Cpu>> Cpu::create(int threads, const char *wanted) {
  if (auto error = checkThreads(threads))
    return *error;
  const MicroKernel *kernel = findMicroKernel(wanted);
  if (!kernel)
    return Error{std::string("this machine cannot run the '") + wanted + "' kernels", Exit::device};
  std::unique_ptr<Cpu> cpu(new Cpu(threads, *kernel));
  const int64_t lane = laneFloats(*kernel), floats = lane * cpu->pool.threads();
  Result<Block> memory =
      Block::reserve(static_cast<size_t>(floats) * sizeof(float), "buffers of the matrix products");
  if (!memory)
    return memory.error();
  cpu->memory = std::move(*memory);
  cpu->workspace = {cpu->memory.floats(), lane, &cpu->serials};
  return cpu;
}

Result<void *> Cpu::reserve(size_t bytes, const char *purpose, Content) {
  Result<Block> block = Block::reserve(bytes, purpose);
  if (!block)
    return block.error();
  reserved.push_back(std::move(*block));
  return reserved.back().data();
}

std::optional<Error> Cpu::upload(void *to, const void *from, size_t bytes) {
  std::memcpy(to, from, bytes);
  return std::nullopt;
}

std::optional<Error> Cpu::download(void *to, const void *from, size_t bytes) {
  return upload(to, from, bytes);
}

std::optional<Error> Cpu::run(lnx_entry entry, const lnx_call &call) {
  entry(&call);
  return std::nullopt;
}

Result<std::unique_ptr<Device>> lnx::createCpuDevice(int threads) {
  Result<std::unique_ptr<Cpu>> cpu = Cpu::create(threads);
  if (!cpu)
    return cpu.error();
  return std::unique_ptr<Device>(std::move(*cpu));
}

Result<size_t> lnx::cpuWorkspaceBytes(int threads) {
  if (auto error = checkThreads(threads))
    return *error;
  return static_cast<size_t>(laneFloats(*findMicroKernel(nullptr)) * Pool::threadCount(threads)) *
         sizeof(float);
}
