// Verify: the stability verifier for those outside the compiler: what it takes and what it says.
// Besides Compiler.h the only header of the compiler that others include.
#ifndef LNX_COMPILER_VERIFY_H
#define LNX_COMPILER_VERIFY_H

#include "compiler/stability/StreamBound.h"
#include "compiler/stability/Verdict.h"
#include "compiler/stability/Verify.h"
#include "compiler/stability/WitnessJson.h"

#endif
