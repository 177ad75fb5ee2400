// runtime.h: run a compiled program from C++: load, create a session, step, read parameters.
//
//   Result<Program> program = Program::load("model.so");
//   Result<Session> session = Session::create(*program, {.batch = 8, .time = 128});
//   Result<double> loss = session->gradient({tokens, targets, 8, 128});
//   Result<UpdateReport> report = session->update({.rate = 1e-3f});
//   Result<std::vector<int32_t>> text = session->sample(prompt, 20, {.temperature = 0.8});
//
// Sees no LLVM. Nothing is thrown; what can fail returns a Result that says why. From C, this is
// session.h.
#ifndef LNX_RUNTIME_H
#define LNX_RUNTIME_H

#include "lnx/session.h"

#ifdef __cplusplus

#include "lnx/abi.h"
#include "lnx/dtype.h"
#include "lnx/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

// A compiled program; keeps what holds its code alive (a dlopen handle or a JIT).
class Program {
public:
  // Opens a model.so. Errors name the path and say what is wrong (not ours, other ABI, needs a CPU
  // feature this machine lacks).
  static Result<Program> load(const std::string &path);
  // Wraps a program whose code `owner` keeps alive.
  static Program fromMemory(const lnx_program *program, std::shared_ptr<const void> owner);

  const lnx_program &operator*() const { return *program; }
  const lnx_program *operator->() const { return program; }

private:
  const lnx_program *program = nullptr;
  std::shared_ptr<const void> owner;
};

struct SessionOptions {
  std::string device = "cpu"; // or "cuda"
  int64_t batch = 1;          // sequences per micro-batch
  int64_t time = 1;           // tokens per sequence, at most the program's context
  int threads = 0;            // 0: as many as the machine has; never changes a result
  uint64_t seed = 1;          // of the initial parameters
  // Of the rows that a model compiled for this session keeps between kernels: "f32", "bf16", or ""
  // for the device's default. A compiled program has its own.
  std::string precision = {};
};

enum class Optimizer { adamw, adam, sgd };

// Numbers of one update; all may change from step to step.
struct UpdateOptions {
  Optimizer optimizer = Optimizer::adamw;
  float rate = 3e-4f;
  float decay = 0.1f; // matrices only
  float clip = 1.0f;  // largest global gradient norm; 0 switches clipping off
  float beta1 = 0.9f; // momentum of sgd
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
};

struct UpdateReport {
  double gradientNorm = 0; // before clipping
  bool finite = true;      // false: nothing was updated, the gradient was kept for inspection
};

// One layer of one parameter, inside the session's state.
struct ParameterView {
  std::string name;                       // full path, "7.attn.q.W"
  std::vector<int64_t> shape;             // of this layer
  Dtype dtype = Dtype::f32;               // of the numbers behind the spans; the only one so far
  std::span<float> value, gradient, m, v; // row major, the product of `shape` long
};

// How tokens are drawn from softmax(logits / temperature).
struct SampleOptions {
  double temperature = 1; // 0: always the most likely token
  int64_t topK = 0;       // only the k most likely tokens; 0: all
  uint64_t seed = 1;
  int64_t drawn = 0;      // draws of this seed already used, to go on with a text
  int64_t window = 0;     // tokens that the model sees; 0: the `time` of the session
  int64_t vocabulary = 0; // only ids below it; 0: all the model has
};

// How large a residual stream is after one layer, over all rows and features of a micro-batch.
struct StreamSize {
  int64_t layer = 0; // its number in the model, as in parameter names
  double meanAbs = 0, mean = 0, meanSquare = 0;

  double variance() const { return meanSquare - mean * mean; }
};

// Tokens of one micro-batch, row major [batch x time].
struct TokenBatch {
  std::span<const int32_t> tokens;
  std::span<const int32_t> targets;
  int64_t batch = 0;
  int64_t time = 0;
};

// Parameters, optimizer state and scratch of one program. A step allocates nothing.
class Session {
public:
  // Reserves memory for batch * time tokens and draws the initial parameters from the seed. Errors:
  // a table of parameters that contradicts itself, `time` above the program's context, more memory
  // than the machine has (with the numbers).
  static Result<Session> create(Program program, const SessionOptions &options);
  // The same of anything that `compile(device, precision)`s to a Result<Program>, such as a Model.
  template <typename Source>
    requires requires(const Source &source) {
      Result<Program>(source.compile(std::string(), std::string()));
    }
  static Result<Session> create(const Source &source, const SessionOptions &options) {
    Result<Program> program = source.compile(options.device, options.precision);
    if (!program)
      return program.error();
    return create(std::move(*program), options);
  }
  Session(Session &&) noexcept;
  Session &operator=(Session &&) noexcept;
  ~Session();

  const Program &program() const;
  // Adds the gradient of scale * mean loss and returns the mean loss of this micro-batch, in nats
  // per token. Errors: more tokens than the session reserved, spans of another size than batch *
  // time, an id outside the vocabulary (with its position).
  Result<double> gradient(const TokenBatch &batch, double scale = 1);
  // Of the last `gradient`: every stream after each layer of its repeat, in the order of the
  // program's streams; zeros before. The sums were taken inside the kernels that computed the
  // stream.
  std::span<const StreamSize> hiddenStatistics() const;
  // Clips, checks for non-finite numbers, updates and zeroes the gradient. Counts steps from 1.
  // Errors: beta1 or beta2 outside [0, 1), an optimizer that the program was compiled without.
  Result<UpdateReport> update(const UpdateOptions &options);
  // Gradient and update in one: the mean loss before the update. A gradient that is not finite is
  // an error (Exit::unstable) and updates nothing. Other errors as of `gradient` and `update`.
  Result<double> step(const TokenBatch &batch, const UpdateOptions &options);
  // Mean loss in nats per token; changes nothing. Errors as of `gradient`.
  Result<double> evaluate(const TokenBatch &batch);
  // Logits [vocabulary] after the last of `tokens`; valid until the next call. Errors as of
  // `gradient`.
  Result<std::span<const float>> next(std::span<const int32_t> tokens);
  // The `count` tokens that follow `prompt`, each drawn after those before it; of a longer text the
  // model sees the last `window` tokens. The same prompt, options and parameters give the same
  // tokens, at once or in pieces (`drawn`). Errors: an empty prompt, a temperature that is negative
  // or not finite, logits of which none is finite (Exit::unstable), and as of `gradient`.
  Result<std::vector<int32_t>> sample(std::span<const int32_t> prompt, int64_t count,
                                      const SampleOptions &options = {});

  // Each parameter of each layer; the views stay valid as long as the session. On a GPU they are
  // copies, of this moment, and what is written there counts if it is written before the next call.
  std::vector<ParameterView> parameters();
  // The one called "7.attn.q.W"; of a GPU only this one is copied. Errors: no parameter has this
  // name.
  Result<ParameterView> parameter(std::string_view name);
  // The values of layer `layer`, from 0, of a parameter of program(), to be read before the next
  // call; of a GPU only these are copied. Errors: the device's.
  Result<std::span<const float>> read(const lnx_parameter &parameter, int64_t layer);
  // Updates made so far; setSteps goes on from another count, for the bias correction of Adam.
  int64_t steps() const;
  void setSteps(int64_t steps);
  // Parameters, both moments and the count of steps as one safetensors file, which appears complete
  // or not at all. Moments of "7.attn.q.W" are called "m/7.attn.q.W" and "v/7.attn.q.W". Errors
  // name the path and the system's reason.
  std::optional<Error> save(const std::string &path) const;
  // Takes everything from such a file, or nothing: errors name the first tensor that is missing, is
  // not of this program, or has another shape or type. A file without moments leaves them zero.
  std::optional<Error> load(const std::string &path);
  // Bytes reserved, by class; the sum is the peak of every step.
  struct Memory {
    size_t state = 0, scratch = 0, workspace = 0;
    size_t total() const { return state + scratch + workspace; }
  };
  Memory memory() const;
  // A hash of all parameter bits: equal exactly when the parameters are.
  uint64_t parameterHash() const;

private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  int64_t reach() const;                    // `time` of the options
  std::vector<ParameterView> views() const; // of parameters(), as they were copied last
  std::optional<Error> fetchValues() const; // values and moments for views()
  void lendEverything();                    // every number of views() will be written
  std::unique_ptr<State> state;
};

} // namespace lnx

#endif // __cplusplus
#endif
