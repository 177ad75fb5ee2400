// StreamMonitor: reads the specification back, finds the parameters to measure in the session.
#include "frontend/Deep.h"
#include "frontend/MeasureParameter.h"
#include "lnx/monitor.h"

#include "compiler/Compiler.h"
#include "compiler/Verify.h"
#include "dialect/LnxDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <span>
#include <thread>

namespace lnx {
namespace ir = ::mlir::lnx;

struct StreamMonitor::State {
  State() : context(registry(), mlir::MLIRContext::Threading::DISABLED) {}
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    ir::registerAll(registry);
    return registry;
  }
  std::optional<Error> read(const char *text);
  std::optional<Error> find(Session &session);
  /// The layers of each parameter that is needed.
  using Sizes = std::vector<std::vector<ir::stability::ParameterSize>>;
  std::optional<Sizes> measure() const;

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<ir::stability::StreamBound> bound;
  Session *session = nullptr;
  std::vector<const lnx_parameter *> parameters; ///< those that are needed
  int threads = 1;
};

/// The analysis at the specification's text.
std::optional<Error> StreamMonitor::State::read(const char *text) {
  std::string message = "it carries no specification";
  const mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message = "its specification cannot be read: " + diagnostic.str();
    return mlir::success();
  });
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return Error{message};
  const auto models = module->getOps<ir::ModelOp>();
  if (models.empty())
    return Error{"it carries no specification"};
  bound.emplace(*models.begin());
  if (!bound->obstacle().empty())
    return Error{bound->obstacle()};
  return std::nullopt;
}

/// What has to be measured in the session; its program is the one of this specification.
std::optional<Error> StreamMonitor::State::find(Session &measured) {
  session = &measured;
  const lnx_program &program = *session->program();
  const std::span streams(program.streams, static_cast<size_t>(program.stream_count));
  const auto isSame = [](const lnx_stream &stream, const ir::stability::ObservedStream &other) {
    return stream.first_layer == other.first && stream.layers == other.layers &&
           stream.features == other.features;
  };
  if (!std::ranges::equal(streams, bound->streams(), isSame))
    return Error{"the program observes other streams than its specification has"};
  for (const ir::stability::NeededParameter &needed : bound->parameters()) {
    const lnx_parameter *found = nullptr;
    for (int32_t p = 0; p < program.parameter_count && !found; ++p) {
      const lnx_parameter &parameter = program.parameters[p];
      if (parameter.name == needed.path && parameter.first_layer == needed.first &&
          parameter.layers == needed.layers)
        found = &parameter;
    }
    if (!found)
      return Error{"the program has no parameter '" + needed.path + "'"};
    parameters.push_back(found);
  }
  return std::nullopt;
}

Result<StreamMonitor> StreamMonitor::create(Session &session, int threads) {
  const auto state = std::make_shared<State>();
  state->threads =
      threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::optional<Error> error;
  onDeepStack([&] {
    error = state->read(session.program()->spec);
    if (!error)
      error = state->find(session);
  });
  if (error)
    return *error;
  return StreamMonitor(state);
}

/// Every layer is measured by itself, so that threads change no number. Absent where the device
/// cannot be read.
std::optional<StreamMonitor::State::Sizes> StreamMonitor::State::measure() const {
  struct Layer {
    std::span<const float> values;
    std::span<const int64_t> shape;
    ir::stability::ParameterSize *size;
  };
  Sizes sizes;
  std::vector<Layer> layers;
  for (const lnx_parameter *parameter : parameters) {
    const std::span shape(parameter->shape, static_cast<size_t>(parameter->rank));
    sizes.emplace_back(static_cast<size_t>(parameter->layers));
    for (int64_t layer = 0; layer < parameter->layers; ++layer) {
      const Result<std::span<const float>> values = session->read(*parameter, layer);
      if (!values) // the next call says why
        return std::nullopt;
      layers.push_back({*values, shape, &sizes.back()[static_cast<size_t>(layer)]});
    }
  }
  // The largest first: no thread is left with one at the end.
  std::ranges::sort(layers, std::greater(), [](const Layer &layer) { return layer.values.size(); });
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < layers.size(); i = next++)
      *layers[i].size = measureParameter(layers[i].values, layers[i].shape, bound->headSize());
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  return sizes;
}

std::vector<double> StreamMonitor::bounds() const {
  const std::optional<State::Sizes> sizes = state->measure();
  if (!sizes)
    return std::vector(state->session->hiddenStatistics().size(),
                       std::numeric_limits<double>::infinity());
  std::vector<double> bounds;
  onDeepStack([&] { bounds = state->bound->evaluate(*sizes); });
  return bounds;
}

const std::vector<std::string> &StreamMonitor::laws() const { return state->bound->laws(); }

} // namespace lnx
