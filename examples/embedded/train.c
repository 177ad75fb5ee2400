/* train: a model.so from C: open, train, look at a parameter, save.
 *   lnxc model.lnx -o model.so
 *   cc train.c -llnx -o train && ./train model.so */
#include <lnx/runtime.h>

#include <stdio.h>

enum { batch = 4, length = 32, steps = 20 };

static int fail(const char *error) {
  fprintf(stderr, "%s\n", error);
  return 1;
}

int main(int argc, char **argv) {
  char error[256] = "usage: train MODEL.so";
  if (argc != 2)
    return fail(error);
  lnx_session *session = lnx_session_open(argv[1], batch, length, 0, 1, error, sizeof error);
  if (!session)
    return fail(error);

  int32_t tokens[batch * length], targets[batch * length];
  for (int i = 0; i < batch * length; ++i) {
    tokens[i] = i * 7 % 64;
    targets[i] = (i + 1) * 7 % 64;
  }
  for (int step = 1; step <= steps; ++step) {
    double loss = 0;
    if (lnx_session_step(session, tokens, targets, batch, length, 1e-2f, &loss, error,
                         sizeof error))
      return fail(error);
    if (step == 1 || step == steps)
      printf("step %d loss %.3f\n", step, loss);
  }

  const lnx_tensor *tensors = NULL;
  int64_t count = lnx_session_parameters(session, &tensors);
  printf("%lld parameters, the first is '%s'\n", (long long)count, tensors[0].name);
  int32_t next[3];
  if (lnx_session_sample(session, tokens, 1, 0, 0, 1, next, 3, error, sizeof error))
    return fail(error);
  printf("after %d: %d %d %d\n", tokens[0], next[0], next[1], next[2]);
  if (lnx_session_save(session, "trained.safetensors", error, sizeof error))
    return fail(error);
  puts("saved");
  lnx_session_close(session);
  return 0;
}
