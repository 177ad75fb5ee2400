// model.h: a model from a file, from text, or from C++; verified, compiled and run in this process.
//
//   Result<Model> model = Model::parse("model mine = gpt2(block = peri_ln, dt = 0.1)\n");
//   if (!model)
//     return model.error(); // what lnxc would print
//   Result<Report> report = verify(*model);
//   Result<Session> session = Session::create(*model, {.batch = 4, .time = 256});
//
// Sees no LLVM. Nothing is thrown; what can fail returns a Result that says why.
#ifndef LNX_MODEL_H
#define LNX_MODEL_H

#include "lnx/def.h"
#include "lnx/runtime.h"

namespace lnx {

/// NAME, VALUE: what `--set NAME=VALUE` says. A value is an expression: "0.1", "1/depth",
/// "peri_ln".
using Settings = std::vector<std::pair<std::string, std::string>>;

/// An elaborated model: its shapes fit and its names are known. Immutable and cheap to copy; may be
/// used from several threads.
class Model {
public:
  /// The model called `name` of a .lnx file, or its last one. The error's message is the rendered
  /// diagnostics.
  static Result<Model> load(const std::string &path, const Settings &settings = {},
                            const std::string &name = "");
  /// The same from text; messages call it `fileName`.
  static Result<Model> parse(const std::string &text, const Settings &settings = {},
                             const std::string &fileName = "model.lnx",
                             const std::string &name = "");
  /// The same model with further settings, which replace earlier ones of the same names.
  Result<Model> with(const Settings &settings) const;

  const std::string &name() const;
  /// The whole file as a .lnx file says it; parsing it gives the same model.
  std::string print() const;
  /// Machine code for this CPU, in memory; with kernels in PTX for device "cuda". Rows are kept as
  /// `precision` says: "f32", "bf16", or "" for the device's default; everything is computed in f32,
  /// and parameters, gradients and the optimizer's state stay f32. Session::create calls it.
  Result<Program> compile(const std::string &device = "cpu",
                          const std::string &precision = "") const;

  // For the library.
  struct State;
  explicit Model(std::shared_ptr<const State> state) : state(std::move(state)) {}
  const State &operator*() const { return *state; }

private:
  std::shared_ptr<const State> state;
};

/// A file of models written in C++. Definitions come along with the expressions that call them.
///
///   ModelBuilder builder;
///   builder.model("mine", {{"depth", 2}, {"width", 32}}, [&](Num depth, Num width) {
///     check("growth", atMost("linear"));
///     return prelude::gpt2(arg("depth", depth), arg("width", width), arg("heads", 4));
///   });
///   Result<Model> model = builder.build();
class ModelBuilder {
public:
  /// model name(formals) { body }.
  template <typename F>
  ModelBuilder &model(const std::string &name, const std::vector<Formal> &formals, F body,
                      Place where = Place::current()) {
    return add(name, formals, detail::bodyOf(std::move(body), formals.size()), where);
  }
  /// model name = call: another model with other defaults.
  ModelBuilder &model(const std::string &name, const Operand &call, Place where = Place::current());
  /// A definition that no expression calls, for a setting that will name it.
  ModelBuilder &add(const Def &def);

  /// The last model, or the one called `name`. Errors are those of the language, with places in the
  /// user's C++.
  Result<Model> build(const Settings &settings = {}, const std::string &name = "") const;
  /// As a .lnx file; mistakes are not shown.
  std::string print() const;

private:
  ModelBuilder &add(const std::string &name, const std::vector<Formal> &formals,
                    const detail::Body &body, Place where);
  std::shared_ptr<const Origin> origin; // definitions in the order of their first use, and models
};

/// What the verifier says about one property; docs/stability.md explains the words.
struct Verdict {
  std::string property;                 ///< "forward.growth"
  std::string word;                     ///< PROVED, REFUTED, UNKNOWN, PREDICTED_OK or PREDICTED_BAD
  std::string basis;                    ///< what it quantifies over: "worst_case"
  std::string growth;                   ///< class in depth: "linear"; empty where there is none
  std::string formula;                  ///< of the bound
  std::optional<double> number;         ///< the bound at this depth, rounded upward
  std::vector<std::string> assumptions; ///< it rests on, as the model states them
  std::vector<std::string> missing;     ///< assumptions that would help
  std::string fix;   ///< the cheapest change that flips it: of its file, or of what print() gives
  std::string claim; ///< of docs/stability.md
};

struct Report {
  std::vector<Verdict> verdicts;
  Exit exit = Exit::done; ///< refuted or unknown where a `check` of the model is
  std::string text;       ///< the page that `lnx verify` prints
  std::string json;       ///< the same as docs/verdict.schema.json describes it

  /// The verdict on "forward.growth" or "growth"; the strongest where there are several, else null.
  const Verdict *find(const std::string &property) const;
};

/// Fails where assumptions contradict one another or are no numbers.
Result<Report> verify(const Model &model);

} // namespace lnx

#endif
