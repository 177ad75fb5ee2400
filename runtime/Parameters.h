// Parameters: the table of a program's parameters, one layer at a time: checked, named,
// initialised. Relies on the table and the arena lengths of lnx_program only.
#ifndef LNX_RUNTIME_PARAMETERS_H
#define LNX_RUNTIME_PARAMETERS_H

#include "device/Device.h"
#include "lnx/result.h"
#include "lnx/runtime.h"

#include <optional>
#include <string>

namespace lnx {

// Floats of one layer of a parameter; nothing when its shape is negative or overflows.
std::optional<int64_t> layerFloats(const lnx_parameter &parameter);

// Full name of layer `index` (from 0) of a parameter: "7.attn.q.W".
std::string layerName(const lnx_parameter &parameter, int64_t index);

// Says which parameter does not lie inside the arena, if any.
std::optional<Error> checkParameters(const lnx_program &program);

// Writes the initial values; the same for any number of threads.
void initialiseParameters(const lnx_program &program, uint64_t seed, const Device &device,
                          float *arena);

// Hash of the bits of all parameters, in table order.
uint64_t hashParameters(const lnx_program &program, const float *arena);

} // namespace lnx

#endif
