/* abi.h: what compiled programs and the runtime promise each other. C11, no other header of ours.
 * Relied on by compiler (which writes these structures) and runtime (which reads them).
 *
 *   void *library = dlopen("./model.so", RTLD_NOW);
 *   const lnx_program *program = library ? dlsym(library, LNX_PROGRAM_SYMBOL) : NULL;
 *   if (program && program->abi_version == LNX_ABI_VERSION)
 *     printf("%s has %d parameters\n", program->name, (int)program->parameter_count);
 *
 * A program is one read-only lnx_program. It has no undefined symbols: everything it calls comes
 * through the lnx_runtime table of each call. Added fields go last; a changed meaning bumps
 * LNX_ABI_VERSION.
 */
#ifndef LNX_ABI_H
#define LNX_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LNX_ABI_VERSION 4

/* The data symbol of a model.so: `const lnx_program lnx_program_v1`. */
#define LNX_PROGRAM_SYMBOL "lnx_program_v1"

/* Types of the notes called "lnx" in a model.so: what it needs, and the checksum of the file. */
#define LNX_NOTE_PROGRAM 1
#define LNX_NOTE_CHECKSUM 2

/* Work on the items [lo, hi). `slots` holds one 8-byte slot per captured value: a pointer, an
 * int64_t, or the bits of a float in the low half. Each item is computed by exactly one call, and
 * how items are cut into calls depends on `grain` alone, never on the number of threads. */
typedef void (*lnx_kernel)(const uint64_t *slots, int64_t lo, int64_t hi);

/* Functions that compiled code may call; abi.def lists them with their meaning. */
typedef struct lnx_runtime {
  void *context;
#define LNX_CALL(name, parameters) void(*name) parameters;
#include "abi.def"
#undef LNX_CALL
} lnx_runtime;

/* One call of an entry point. Rows are batch * time; row b * time + t is position t of sequence b.
 */
typedef struct lnx_call {
  const lnx_runtime *runtime;
  void *state;            /* four float arenas of state_floats each: parameter, gradient, m, v */
  void *scratch;          /* 64-byte aligned; scratch_bytes(program, rows) long */
  const int32_t *tokens;  /* [batch * time] */
  const int32_t *targets; /* [batch * time]; not read by lnx_next */
  int64_t batch;
  int64_t time;
  const float *arguments; /* LNX_ARGUMENT_COUNT floats */
  float *results;         /* eval: [1] the mean loss; norm: [1] the sum of squared gradients;
                             next: [vocabulary] logits after the last row; grad: [1 + observations]
                             the mean loss, then of each lnx_stream in order [layers x parts] sums
                             of |x|, as many of x and as many of x^2, over all rows */
} lnx_call;

typedef void (*lnx_entry)(const lnx_call *call);

/* Positions in lnx_call.arguments. */
enum {
  LNX_ARGUMENT_SCALE = 0, /* factor of this micro-batch's loss in the gradient: 1/micro-batches */
  LNX_ARGUMENT_RATE = 1,  /* learning rate */
  LNX_ARGUMENT_DECAY = 2, /* weight decay, matrices only */
  LNX_ARGUMENT_CLIP = 3,  /* factor applied to gradients before the update, at most 1 */
  LNX_ARGUMENT_BETA1 = 4, /* momentum of sgd, beta1 of adam and adamw */
  LNX_ARGUMENT_BETA2 = 5,
  LNX_ARGUMENT_EPSILON = 6,
  LNX_ARGUMENT_CORRECTION1 = 7, /* 1 / (1 - beta1^step) */
  LNX_ARGUMENT_CORRECTION2 = 8, /* 1 / (1 - beta2^step) */
  LNX_ARGUMENT_COUNT = 9
};

/* Types of numbers in matrices of the device. */
enum {
  LNX_TYPE_F32 = 0,
  LNX_TYPE_BF16 = 1 /* the upper half of an f32, rounded to nearest, ties to even */
};

/* What matmul makes of P = op(A) op(B) + (accumulate ? C : 0), in f32, before C is rounded to its
 * type. `bias` and `aux` have the type of C; sums are stored, never added to what is there.
 * gelu(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel 2016). */
enum {
  LNX_EPILOGUE_NONE = 0,          /* C = P */
  LNX_EPILOGUE_BIAS = 1,          /* C = P + bias[n] in every row */
  LNX_EPILOGUE_GELU = 2,          /* C = gelu(P) */
  LNX_EPILOGUE_BIAS_GELU = 3,     /* C = gelu(P + bias[n]) */
  LNX_EPILOGUE_GELU_AUX = 4,      /* aux[m x n] = P, C = gelu(P) */
  LNX_EPILOGUE_BIAS_GELU_AUX = 5, /* aux[m x n] = P + bias[n], C = gelu(P + bias[n]) */
  LNX_EPILOGUE_GELU_GRAD = 6,     /* C = P gelu'(aux[m x n]) */
  LNX_EPILOGUE_GELU_GRAD_SUM = 7, /* the same, and bias[n] = sum of C over its rows */
  LNX_EPILOGUE_SUM_A = 8,         /* C = P, bias[m] = sum of op(A) over k */
  LNX_EPILOGUE_SUM_B = 9,         /* C = P, bias[n] = sum of op(B) over k */
  LNX_EPILOGUE_COUNT = 10
};

/* Entry points. */
enum {
  LNX_ENTRY_GRAD = 0, /* adds gradients of scale * mean loss, writes the loss */
  LNX_ENTRY_EVAL = 1, /* writes the mean loss */
  LNX_ENTRY_NEXT = 2, /* batch 1: logits after the last row */
  LNX_ENTRY_NORM = 3, /* sum of squares of the whole gradient */
  LNX_ENTRY_ADAMW = 4,
  LNX_ENTRY_ADAM = 5, /* decay added to the gradient */
  LNX_ENTRY_SGD = 6,  /* momentum beta1, decay added to the gradient */
  LNX_ENTRY_COUNT = 7 /* each update zeroes the gradient it has used */
};

/* How a parameter starts; `a` and `b` are in units of the parameter. */
enum {
  LNX_INIT_CONST = 0,   /* a */
  LNX_INIT_NORMAL = 1,  /* mean 0, standard deviation a */
  LNX_INIT_UNIFORM = 2, /* [a, b) */
  LNX_INIT_IDENTITY = 3 /* last two dimensions the identity matrix */
};

typedef struct lnx_parameter {
  const char *name; /* path inside one layer, such as "attn.q.W"; layer 7 of it is "7.attn.q.W" */
  int64_t offset;   /* floats from the start of each arena */
  int64_t first_layer;  /* number of the first layer, 0 for a parameter outside any repeat */
  int64_t layers;       /* layers stacked one after another; 1 outside any repeat */
  int64_t shape[4];     /* of one layer */
  int32_t rank;         /* of one layer, 0..4 */
  int32_t init;         /* LNX_INIT_* */
  const double *init_a; /* [layers] */
  const double *init_b; /* [layers] */
  int32_t decay;        /* 1 for matrices, 0 for everything else */
  int32_t reserved;
} lnx_parameter;

/* A residual stream whose size after each layer of a repeat `grad` reports. */
typedef struct lnx_stream {
  int64_t first_layer;
  int64_t layers;
  int64_t features; /* numbers in one row */
  int64_t parts;    /* partial sums of one layer, to be added */
} lnx_stream;

/* A kernel of the device code; launches name it by its place in the table. */
typedef struct lnx_device_kernel {
  const char *name; /* of its entry in the code */
  int64_t threads;  /* of one block */
} lnx_device_kernel;

typedef struct lnx_program {
  int32_t abi_version;
  int32_t parameter_count;
  const lnx_parameter *parameters;
  int64_t state_floats; /* floats of one arena; a multiple of 1024 */
  int64_t decay_floats; /* the first decay_floats of an arena are decayed; a multiple of 1024 */
  lnx_entry entries[LNX_ENTRY_COUNT];
  /* Scratch of an entry with R rows, R rounded up to 16: bytes_per_row * R + fixed. */
  int64_t scratch_bytes_per_row[LNX_ENTRY_COUNT];
  int64_t scratch_fixed_bytes[LNX_ENTRY_COUNT];
  int64_t vocabulary; /* width of the logits */
  int64_t context;    /* longest sequence, 0 when the model sets no limit */
  int64_t depth;      /* layers in all repeats together */
  /* Floating-point operations of the matrix products in one grad call, for each row, attention's
     part that depends on time apart. */
  int64_t flops_per_row;
  /* Of attention's products, for each (row, time) pair before causal halving. */
  int64_t attend_flops_per_pair;
  const char *name; /* of the model */
  const char *spec; /* the elaborated specification as text */
  uint64_t spec_hash;
  const char *cpu; /* CPU the code was generated for, such as "x86-64-v3" */
  int64_t stream_count;
  const lnx_stream *streams; /* [stream_count] */
  int64_t observations; /* floats that grad writes behind the loss: sum of 3 * layers * parts */
  /* PTX of the kernels; null for programs of the CPU. With device code all pointers of lnx_call but
     `runtime` are addresses of the device, and its entries only launch and call gemm and matmul, so
     that a call is known by its fields. */
  const char *device_code;
  int64_t kernel_count;
  const lnx_device_kernel *kernels; /* [kernel_count] */
} lnx_program;

#ifdef __cplusplus
}
#endif
#endif
