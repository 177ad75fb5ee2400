// Attention: cuts attend and attend_grad into tasks for the pool.
// The inner blocks are in MicroKernel; head sizes beyond their workspace take plain loops.
#ifndef LNX_RUNTIME_DEVICE_CPU_ATTENTION_H
#define LNX_RUNTIME_DEVICE_CPU_ATTENTION_H

#include "device/cpu/Gemm.h"

namespace lnx {

int64_t attentionLaneFloats(const MicroKernel &kernel);

void attend(const AttentionCall &call, Pool &pool, const MicroKernel &kernel,
            const Workspace &workspace);
void attendGrad(const AttentionCall &call, Pool &pool, const MicroKernel &kernel,
                const Workspace &workspace);

} // namespace lnx

#endif
