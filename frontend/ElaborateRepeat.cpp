// ElaborateRepeat: a stack of layers as few lnx.repeat as its conditions allow.
// The body is elaborated once for all layers of a run; numbers of l are one value per layer.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

namespace lnx::spec {
namespace {
// With numbers of this length elaboration takes seconds: 1.2 s for 100,000 on one core.
constexpr int64_t maxLayers = 1 << 18;
constexpr int64_t maxRuns = 512;     // each is elaborated and compiled by itself
constexpr int64_t maxUnrolled = 256; // layers of a repeat inside another one

void collectStreams(const ast::Body &body, std::vector<std::string> &names) {
  for (const ast::StmtPtr &stmt : body.stmts) {
    if (const ast::Step *step = stmt->as<ast::Step>()) {
      if (llvm::find(names, step->stream.text) == names.end())
        names.push_back(step->stream.text);
    } else if (const ast::If *choice = stmt->as<ast::If>()) {
      collectStreams(choice->then, names);
      if (choice->otherwise)
        collectStreams(*choice->otherwise, names);
    } else if (const ast::Repeat *inner = stmt->as<ast::Repeat>()) {
      collectStreams(inner->body, names);
    }
  }
}

size_t countRepeats(const ast::Body &body) {
  size_t count = 0;
  for (const ast::StmtPtr &stmt : body.stmts) {
    if (stmt->as<ast::Repeat>())
      ++count;
    if (const ast::If *choice = stmt->as<ast::If>())
      count +=
          countRepeats(choice->then) + (choice->otherwise ? countRepeats(*choice->otherwise) : 0);
  }
  return count;
}
} // namespace

std::vector<std::string> Elaborator::streamsOf(const ast::Body &body) {
  std::vector<std::string> names, streams;
  collectStreams(body, names);
  for (const std::string &name : names)
    for (const Scope &scope : frame->scopes)
      if (const auto it = scope.find(name);
          it != scope.end() && it->second.value.as<Tensor>() && !it->second.isParam)
        streams.push_back(name);
  return streams;
}

/// The only stack of a model has no scope of its own; several are told apart by their streams. So
/// are those of a def that is called again under the same path, whose first took the empty name.
std::string Elaborator::repeatScope(const std::vector<std::string> &streams) {
  const bool isOnly = (!frame->decl->body || countRepeats(*frame->decl->body) < 2) &&
                      frame->taken->insert("").second;
  const std::string own = isOnly ? "" : uniqueName(streams.empty() ? "stack" : streams.front());
  if (own.empty() || frame->path.empty())
    return own + frame->path;
  return frame->path + "." + own;
}

void Elaborator::leaveScope() {
  for (auto &[name, binding] : frame->scopes.back())
    frame->gone.insert_or_assign(name, binding);
  frame->scopes.pop_back();
}

/// The layers at other depths, where `count` of them are at this one.
Stretch Elaborator::stretchOf(const Value &first, const Value &last, int64_t count) {
  const Number &from = *first.as<Number>(), &to = *last.as<Number>();
  const Schedule one = Schedule::constant(1);
  const std::optional<Border> begin = Border::behind(from.schedule() - one),
                              end = Border::behind(to.schedule());
  // None here and none at any depth, or some here and some at every large one.
  if (begin && end && (count > 0 ? begin->isAhead(*end, 1) : end->isAhead(*begin, 0)))
    return {*begin, *end};
  keepToDepth();
  return {Border::after(0, from.front() - 1), Border::after(0, to.front())};
}

void Elaborator::repeat(const ast::Stmt &stmt, const ast::Repeat &node) {
  const Value from = evaluate(node.first), to = evaluate(node.last);
  const std::optional<int64_t> first =
      wholeAtDepth(from, node.first.get(), node.first->location, "first layer");
  const std::optional<int64_t> last =
      wholeAtDepth(to, node.last.get(), node.last->location, "last layer");
  if (!first || !last)
    return;
  const int64_t count = *last - *first + 1;
  if (count < 0 || count > maxLayers) {
    Diagnostic &diagnostic =
        error(node.last->location,
              count < 0 ? "a repeat cannot run from " + std::to_string(*first) + " to " +
                              std::to_string(*last)
                        : "a repeat of " + std::to_string(count) +
                              " layers is longer than the limit of " + std::to_string(maxLayers));
    noteNumbers(diagnostic, *node.last);
    return;
  }
  Stretch rest = stretchOf(from, to, count);
  if (activeRun) {
    keepToDepth(*from.as<Number>());
    keepToDepth(*to.as<Number>());
    return unroll(stmt, node, *first, *last);
  }
  const std::vector<std::string> streams = streamsOf(node.body);
  const std::string scope = repeatScope(streams);
  int64_t runs = 0;
  for (int64_t layer = *first; layer <= *last && !stopped();) {
    Run run{layer, *last - layer + 1, frame, {}, rest, {}, {}};
    if (++runs > maxRuns) {
      error(node.index.location, "the conditions on '" + node.index.text +
                                     "' cut this repeat into more than " + std::to_string(maxRuns) +
                                     " different stacks");
      return;
    }
    while (!runLayers(stmt, node, run, streams, scope))
      run = {layer, *run.splitAt - layer, frame, {}, {rest.begin, run.cut}, {}, {}};
    layer += run.count;
    rest.begin = run.stretch.end;
  }
}

/// The body of one run inside its repeat; false when an error or a condition broke it off.
bool Elaborator::runBodyOf(ir::RepeatOp op, const ast::Repeat &node, Run &run,
                           const std::vector<Binding *> &streams) {
  const std::string path = std::exchange(frame->path, "");
  const auto taken = std::exchange(frame->taken, std::make_shared<std::set<std::string>>());
  std::vector<Scalar> layers;
  for (int64_t i = 0; i < run.count; ++i)
    layers.push_back(run.first + i);
  Number index = Number(std::move(layers)).with(run.stretch.index());
  frame->scopes.emplace_back();
  frame->scopes.back().emplace(node.index.text,
                               Binding{Value(std::move(index), Location()), node.index.location});
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&op.getBodyRegion().front());
  activeRun = &run;
  runBody(node.body);
  activeRun = nullptr;
  leaveScope();
  frame->path = path;
  frame->taken = taken;
  llvm::SmallVector<mlir::Value> yielded;
  for (const Binding *stream : streams)
    if (const Tensor *tensor = stream->value.as<Tensor>())
      yielded.push_back(tensor->value);
  if (run.splitAt || yielded.size() != streams.size())
    return false;
  ir::YieldOp::create(builder, op.getLoc(), yielded);
  return true;
}

/// False when the run has to be split and elaborated again.
bool Elaborator::runLayers(const ast::Stmt &stmt, const ast::Repeat &node, Run &run,
                           const std::vector<std::string> &streams, const std::string &scope) {
  llvm::SmallVector<mlir::Value> carries;
  std::vector<Binding *> bindings;
  std::vector<Value> before;
  for (const std::string &name : streams) {
    bindings.push_back(findStream({name, node.index.location}));
    before.push_back(bindings.back()->value);
    if (const Tensor *tensor = before.back().as<Tensor>())
      carries.push_back(tensor->value);
    else
      return true; // reported where it went wrong
  }
  auto op = ir::RepeatOp::create(builder, place(stmt.location), run.first, run.count,
                                 /*reverse=*/false, scope, carries, mlir::ValueRange(),
                                 mlir::TypeRange());
  if (const auto [from, to] = run.stretch.ends(); !from.empty()) {
    op.setFrom(from);
    op.setTo(to);
  }
  run.layer = op.getLayer();
  for (size_t i = 0; i < bindings.size(); ++i)
    bindings[i]->value = Value(op.getCarryArguments()[i], before[i].origin());
  const bool isWhole = runBodyOf(op, node, run, bindings);
  for (size_t i = 0; i < bindings.size(); ++i)
    bindings[i]->value = run.splitAt ? before[i]
                         : isWhole   ? Value(op.getCarryResults()[i], bindings[i]->value.origin())
                                     : Value();
  if (run.splitAt)
    op.erase();
  return !run.splitAt;
}

/// A repeat inside another one: its layers are written out, numbered in the parameters' paths.
void Elaborator::unroll(const ast::Stmt &stmt, const ast::Repeat &node, int64_t first,
                        int64_t last) {
  if (last - first + 1 > maxUnrolled) {
    error(node.last->location, "a repeat inside another one has at most " +
                                   std::to_string(maxUnrolled) + " layers, this has " +
                                   std::to_string(last - first + 1));
    return;
  }
  const std::string scope = repeatScope(streamsOf(node.body));
  for (int64_t layer = first; layer <= last && !stopped() && !frame->returned; ++layer) {
    const std::string path = std::exchange(
        frame->path, scope.empty() ? std::to_string(layer) : scope + "." + std::to_string(layer));
    const auto taken = std::exchange(frame->taken, std::make_shared<std::set<std::string>>());
    frame->scopes.emplace_back();
    frame->scopes.back().emplace(
        node.index.text, Binding{Value(Number(Scalar(layer)), Location()), node.index.location});
    runBody(node.body);
    leaveScope();
    frame->path = path;
    frame->taken = taken;
  }
}

} // namespace lnx::spec
