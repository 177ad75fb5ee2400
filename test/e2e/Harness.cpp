// Harness: see Harness.h. The oracle's parameters are stacks by symbol; a session's are single
// layers by name; both are matched through path and layer.
#include "test/e2e/Harness.h"

#include "frontend/Elaborate.h"
#include "frontend/Parser.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace mlir::lnx;

namespace lnx::e2e {

namespace {
[[noreturn]] void fail(const std::string &message) {
  std::fprintf(stderr, "test harness: %s\n", message.c_str());
  std::abort();
}
} // namespace

Ids makeIds(int64_t batch, int64_t time, int64_t vocabulary, uint32_t seed) {
  Ids ids{{}, {}, batch, time};
  uint64_t state = seed * 2654435761u + 12345;
  auto next = [&] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return int32_t((state >> 33) % uint64_t(vocabulary));
  };
  for (int64_t b = 0; b < batch; ++b) {
    int32_t current = next();
    for (int64_t t = 0; t < time; ++t) {
      ids.tokens.push_back(current);
      ids.targets.push_back(current = next());
    }
  }
  return ids;
}

Ids part(const Ids &ids, int64_t first, int64_t count) {
  auto cut = [&](const std::vector<int32_t> &all) {
    return std::vector<int32_t>(all.begin() + first * ids.time,
                                all.begin() + (first + count) * ids.time);
  };
  return {cut(ids.tokens), cut(ids.targets), count, ids.time};
}

std::string gpt2(const std::string &block, const std::string &settings) {
  return "model m = gpt2(block = " + block + ", " + settings + ")\n";
}

//===-- Model ------------------------------------------------------------===//

struct Model::Content {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> spec;
};

Model::Model(const std::string &text) : content(std::make_unique<Content>()) {
  mlir::DialectRegistry registry;
  registerAll(registry);
  content->context.appendDialectRegistry(registry);
  content->context.loadAllAvailableDialects();
  Diagnostics diagnostics;
  ast::FilePtr file = parse(std::make_shared<Source>("test.lnx", text), diagnostics);
  if (file)
    content->spec = elaborate(*file, {}, content->context, diagnostics);
  if (!content->spec)
    fail(diagnostics.render());
}

Model::~Model() = default;

mlir::MLIRContext &Model::context() { return content->context; }

mlir::OwningOpRef<mlir::ModuleOp> Model::at(Level level, const CompileOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = content->spec->clone();
  if (level != Level::spec && mlir::failed(lowerTo(*copy, level, options)))
    fail("lowering failed");
  return copy;
}

Program Model::compile(const CompileOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = content->spec->clone();
  auto compiled = mlir::lnx::compileToMemory(*copy, options);
  if (mlir::failed(compiled))
    fail("compiling failed");
  return Program::fromMemory(compiled->program, compiled->owner);
}

Session makeSession(Program program, const SessionOptions &options) {
  Result<Session> session = Session::create(std::move(program), options);
  if (!session)
    fail(session.error().message);
  return std::move(*session);
}

//===-- Oracle -----------------------------------------------------------===//

Oracle::Oracle(Model &model, Session &session, Precision precision)
    : module(model.at(
          precision == Precision::f32 ? Level::grad : Level::fused,
          {.target = session.program()->device_code ? "cuda" : "cpu", .precision = precision})) {
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, std::vector<int64_t>> shapes;
  for (ParameterView &view : session.parameters()) {
    values[view.name].assign(view.value.begin(), view.value.end());
    shapes[view.name] = view.shape;
  }
  for (auto parameter : module->getOps<ParameterOp>()) {
    int64_t layers = parameter.getLayers(), first = parameter.getFirstLayer();
    std::string symbol = parameter.getSymName().str();
    Array &stack = environment.parameters[symbol];
    for (int64_t layer = 0; layer < layers; ++layer) {
      std::string name =
          (first ? std::to_string(first + layer) + "." : "") + parameter.getPath().str();
      auto found = values.find(name);
      if (found == values.end())
        fail("the session has no parameter '" + name + "'");
      int64_t size = int64_t(found->second.size());
      slots[name] = {symbol, layer * size, size, shapes[name].size() >= 2};
      stack.data.insert(stack.data.end(), found->second.begin(), found->second.end());
      if (layer == 0)
        stack.shape.assign(shapes[name].begin(), shapes[name].end());
    }
    stack.shape.insert(stack.shape.begin(), layers);
    environment.gradients[symbol] = Array(stack.shape);
  }
}

std::vector<std::vector<double>> Oracle::run(const char *function, const Ids &ids, double scale) {
  environment.batch = {ids.batch, ids.time};
  environment.arguments.assign(LNX_ARGUMENT_COUNT, 0);
  environment.arguments[LNX_ARGUMENT_SCALE] = scale;
  auto array = [](const std::vector<int32_t> &values) {
    Array result;
    result.shape = {int64_t(values.size())};
    result.data.assign(values.begin(), values.end());
    return result;
  };
  auto entry = module->lookupSymbol<mlir::func::FuncOp>(function);
  std::vector<Array> arguments = {array(ids.tokens)};
  if (!ids.targets.empty())
    arguments.push_back(array(ids.targets));
  auto results = evaluateFunction(entry, arguments, environment);
  if (mlir::failed(results))
    fail("the oracle could not run the model");
  std::vector<std::vector<double>> numbers;
  for (Array &result : *results)
    numbers.push_back(std::move(result.data));
  return numbers;
}

std::vector<std::vector<double>> Oracle::observations(const Ids &ids) {
  std::vector<std::vector<double>> all = run("grad", ids, 1);
  all.erase(all.begin());
  return all;
}

double Oracle::gradient(const Ids &ids, double scale) { return run("grad", ids, scale)[0][0]; }
double Oracle::evaluate(const Ids &ids) { return run("eval", ids, 1)[0][0]; }
std::vector<double> Oracle::next(const std::vector<int32_t> &tokens) {
  return run("next", {tokens, {}, 1, int64_t(tokens.size())}, 1)[0];
}

void Oracle::update(const UpdateOptions &options) {
  ++step;
  double squares = 0;
  for (auto &entry : environment.gradients)
    for (double g : entry.second.data)
      squares += g * g;
  double norm = std::sqrt(squares);
  double clip = options.clip > 0 && norm > options.clip ? options.clip / norm : 1;
  double beta1 = options.beta1, beta2 = options.beta2;
  double correction1 = 1 / (1 - std::pow(beta1, step)),
         correction2 = 1 / (1 - std::pow(beta2, step));
  for (auto &[name, slot] : slots) {
    std::vector<double> &m1 = m[name], &m2 = v[name];
    m1.resize(slot.size), m2.resize(slot.size);
    double *value = environment.parameters[slot.symbol].data.data() + slot.begin;
    double *gradient = environment.gradients[slot.symbol].data.data() + slot.begin;
    double decay = slot.decay ? options.decay : 0;
    for (int64_t i = 0; i < slot.size; ++i) {
      double g = clip * gradient[i];
      if (options.optimizer != Optimizer::adamw)
        g += decay * value[i];
      if (options.optimizer == Optimizer::sgd) {
        m1[i] = beta1 * m1[i] + g;
        value[i] -= options.rate * m1[i];
        continue;
      }
      m1[i] = beta1 * m1[i] + (1 - beta1) * g;
      m2[i] = beta2 * m2[i] + (1 - beta2) * g * g;
      double change = m1[i] * correction1 / (std::sqrt(m2[i] * correction2) + options.epsilon);
      if (options.optimizer == Optimizer::adamw)
        change += decay * value[i];
      value[i] -= options.rate * change;
    }
    std::fill_n(gradient, slot.size, 0.0);
  }
}

std::vector<double> Oracle::gradientOf(const std::string &name) const {
  const Slot &slot = slots.at(name);
  const double *from = environment.gradients.find(slot.symbol)->second.data.data() + slot.begin;
  return {from, from + slot.size};
}

std::vector<double> Oracle::valueOf(const std::string &name) const {
  const Slot &slot = slots.at(name);
  const double *from = environment.parameters.find(slot.symbol)->second.data.data() + slot.begin;
  return {from, from + slot.size};
}

} // namespace lnx::e2e
