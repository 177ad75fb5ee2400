// SessionC: the functions of session.h over Session.
// An error becomes its exit code and a text that always ends.
#include "lnx/runtime.h"
#include "lnx/session.h"

#include <algorithm>
#include <cstring>

struct lnx_session {
  lnx::Session session;
  std::vector<lnx::ParameterView> views; // own the names that tensors point to
  std::vector<lnx_tensor> tensors;
};

static_assert(LNX_F32 == int(lnx::Dtype::f32) && LNX_BF16 == int(lnx::Dtype::bf16));

namespace {
int report(const lnx::Error &cause, char *error, size_t size) {
  if (error && size > 0) {
    const size_t length = std::min(cause.message.size(), size - 1);
    std::memcpy(error, cause.message.data(), length);
    error[length] = 0;
  }
  return int(cause.exit);
}

template <typename T> int give(const lnx::Result<T> &result, T *value, char *error, size_t size) {
  if (!result)
    return report(result.error(), error, size);
  if (value)
    *value = *result;
  return 0;
}

lnx::TokenBatch batchOf(const int32_t *tokens, const int32_t *targets, int64_t batch,
                        int64_t time) {
  int64_t count = 0;
  if (batch < 0 || time < 0 || __builtin_mul_overflow(batch, time, &count))
    count = 0; // the session says what is wrong with these numbers
  return {{tokens, size_t(count)}, {targets, size_t(count)}, batch, time};
}
} // namespace

lnx_session *lnx_session_open(const char *path, int64_t batch, int64_t time, int threads,
                              uint64_t seed, char *error, size_t size) {
  lnx::Result<lnx::Program> program = lnx::Program::load(path);
  if (!program) {
    report(program.error(), error, size);
    return nullptr;
  }
  lnx::Result<lnx::Session> session = lnx::Session::create(
      std::move(*program), {.batch = batch, .time = time, .threads = threads, .seed = seed});
  if (!session) {
    report(session.error(), error, size);
    return nullptr;
  }
  auto *result = new lnx_session{std::move(*session), {}, {}};
  result->views = result->session.parameters();
  for (const lnx::ParameterView &view : result->views) {
    lnx_tensor tensor{view.name.c_str(),          view.value.data(),  view.gradient.data(), {},
                      int32_t(view.shape.size()), int32_t(view.dtype)};
    std::ranges::copy(view.shape, tensor.shape);
    result->tensors.push_back(tensor);
  }
  return result;
}

void lnx_session_close(lnx_session *session) { delete session; }

int lnx_session_step(lnx_session *session, const int32_t *tokens, const int32_t *targets,
                     int64_t batch, int64_t time, float rate, double *loss, char *error,
                     size_t size) {
  return give(session->session.step(batchOf(tokens, targets, batch, time), {.rate = rate}), loss,
              error, size);
}

int lnx_session_evaluate(lnx_session *session, const int32_t *tokens, const int32_t *targets,
                         int64_t batch, int64_t time, double *loss, char *error, size_t size) {
  return give(session->session.evaluate(batchOf(tokens, targets, batch, time)), loss, error, size);
}

int lnx_session_next(lnx_session *session, const int32_t *tokens, int64_t count,
                     const float **logits, int64_t *vocabulary, char *error, size_t size) {
  const auto result = session->session.next({tokens, size_t(std::max<int64_t>(count, 0))});
  if (!result)
    return report(result.error(), error, size);
  *logits = result->data();
  *vocabulary = int64_t(result->size());
  return 0;
}

int lnx_session_sample(lnx_session *session, const int32_t *prompt, int64_t length,
                       double temperature, int64_t top_k, uint64_t seed, int32_t *sampled,
                       int64_t count, char *error, size_t size) {
  const auto result =
      session->session.sample({prompt, size_t(std::max<int64_t>(length, 0))}, count,
                              {.temperature = temperature, .topK = top_k, .seed = seed});
  if (!result)
    return report(result.error(), error, size);
  std::ranges::copy(*result, sampled);
  return 0;
}

int64_t lnx_session_parameters(lnx_session *session, const lnx_tensor **tensors) {
  *tensors = session->tensors.data();
  return int64_t(session->tensors.size());
}

const lnx_tensor *lnx_session_parameter(const lnx_session *session, const char *name) {
  for (const lnx_tensor &tensor : session->tensors)
    if (std::strcmp(tensor.name, name) == 0)
      return &tensor;
  return nullptr;
}

int lnx_session_save(const lnx_session *session, const char *path, char *error, size_t size) {
  const std::optional<lnx::Error> failure = session->session.save(path);
  return failure ? report(*failure, error, size) : 0;
}

int lnx_session_load(lnx_session *session, const char *path, char *error, size_t size) {
  const std::optional<lnx::Error> failure = session->session.load(path);
  return failure ? report(*failure, error, size) : 0;
}
