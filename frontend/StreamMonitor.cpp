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
#include <cmath>
#include <limits>
#include <span>

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

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<ir::stability::StreamBound> bound;
  Session *session = nullptr;
  std::vector<const lnx_parameter *> parameters; ///< those that are needed
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

Result<StreamMonitor> StreamMonitor::create(Session &session) {
  const auto state = std::make_shared<State>();
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

std::vector<double> StreamMonitor::bounds() const {
  std::vector<std::vector<ir::stability::ParameterSize>> sizes;
  for (const lnx_parameter *parameter : state->parameters) {
    sizes.emplace_back();
    const std::span shape(parameter->shape, static_cast<size_t>(parameter->rank));
    for (int64_t layer = 0; layer < parameter->layers; ++layer) {
      const Result<std::span<const float>> values = state->session->read(*parameter, layer);
      if (!values) // the next call says why
        return std::vector(state->session->hiddenStatistics().size(),
                           std::numeric_limits<double>::infinity());
      sizes.back().push_back(measureParameter(*values, shape, state->bound->headSize()));
    }
  }
  std::vector<double> bounds;
  onDeepStack([&] { bounds = state->bound->evaluate(sizes); });
  return bounds;
}

const std::vector<std::string> &StreamMonitor::laws() const { return state->bound->laws(); }

} // namespace lnx
