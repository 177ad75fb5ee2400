/* session.h: a compiled program from C: open, step, look at parameters, save.
 *
 *   char error[256];
 *   lnx_session *session = lnx_session_open("model.so", 4, 32, 0, 1, error, sizeof error);
 *   double loss;
 *   if (!session ||
 *       lnx_session_step(session, tokens, targets, 4, 32, 3e-3f, &loss, error, sizeof error))
 *     puts(error);
 *   lnx_session_close(session);
 *
 * Every function that can fail returns 0 where it did its work, else the exit code that the tools
 * give for the same cause, and writes a text of at most `size` bytes with its end to `error`, which
 * may be null. A session belongs to one thread at a time.
 */
#ifndef LNX_SESSION_H
#define LNX_SESSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lnx_session lnx_session;

/* How numbers are stored; the other values are those of Dtype in dtype.h. */
enum { LNX_F32 = 0, LNX_BF16 = 1 };

/* One layer of one parameter; everything lives as long as the session. */
typedef struct lnx_tensor {
  const char *name; /* "7.attn.q.W" */
  float *value;     /* row major, the product of shape long */
  float *gradient;
  int64_t shape[4];
  int32_t rank;
  int32_t dtype; /* LNX_F32: the only one so far */
} lnx_tensor;

/* Opens a model.so and reserves memory for batch sequences of `time` tokens; threads 0: as many as
 * the machine has. Null on failure. */
lnx_session *lnx_session_open(const char *path, int64_t batch, int64_t time, int threads,
                              uint64_t seed, char *error, size_t size);
void lnx_session_close(lnx_session *session); /* null is allowed */

/* Gradient and AdamW update of tokens and targets [batch x time]; *loss, in nats per token, is that
 * before the update. */
int lnx_session_step(lnx_session *session, const int32_t *tokens, const int32_t *targets,
                     int64_t batch, int64_t time, float rate, double *loss, char *error,
                     size_t size);
/* The loss alone. */
int lnx_session_evaluate(lnx_session *session, const int32_t *tokens, const int32_t *targets,
                         int64_t batch, int64_t time, double *loss, char *error, size_t size);
/* Logits [vocabulary] after the last of `count` tokens; valid until the next call. */
int lnx_session_next(lnx_session *session, const int32_t *tokens, int64_t count,
                     const float **logits, int64_t *vocabulary, char *error, size_t size);

/* Writes the `count` tokens that follow `prompt` [length] to `sampled` [count]. temperature 0:
 * always the most likely token; top_k 0: all may be drawn. The same seed gives the same tokens. */
int lnx_session_sample(lnx_session *session, const int32_t *prompt, int64_t length,
                       double temperature, int64_t top_k, uint64_t seed, int32_t *sampled,
                       int64_t count, char *error, size_t size);

/* The parameters, in the order of the program; how many. */
int64_t lnx_session_parameters(lnx_session *session, const lnx_tensor **tensors);
/* The one called "7.attn.q.W"; null where none is. */
const lnx_tensor *lnx_session_parameter(const lnx_session *session, const char *name);
/* Parameters, moments and steps as one safetensors file. */
int lnx_session_save(const lnx_session *session, const char *path, char *error, size_t size);
int lnx_session_load(lnx_session *session, const char *path, char *error, size_t size);

#ifdef __cplusplus
}
#endif
#endif
