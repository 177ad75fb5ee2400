/* fake_model: the smallest model.so, for the tests of the loader, which also patch copies of it.
 * Relies on section names that start with .note being of type SHT_NOTE. */
#include "lnx/abi.h"

static void evaluate(const lnx_call *call) { call->results[0] = 42; }

/* 5120000 floats are a pattern that the tests look for in the file. */
const lnx_program lnx_program_v1 = {.abi_version = LNX_ABI_VERSION,
                                    .state_floats = 5120000,
                                    .entries = {[LNX_ENTRY_EVAL] = evaluate},
                                    .vocabulary = 3,
                                    .name = "fake",
                                    .spec = "",
                                    .cpu = "x86-64"};

__attribute__((section(".note.lnx"), aligned(4), used)) static const struct {
  uint32_t nameBytes, contentBytes, type;
  char name[4];
  uint32_t version;
  char cpu[64];
} note = {4, 68, 1, "lnx", LNX_ABI_VERSION, "x86-64"};
