// CertificateProgram: operations are written by their names and attributes, whatever they are; only
// the frame of the model is known here.
#include "compiler/stability/CertificateProgram.h"
#include "dialect/Idioms.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;
namespace json = llvm::json;

int64_t Program::placeOf(Value value) const {
  auto found = places.find(value);
  return found == places.end() ? -1 : found->second;
}

//===-- steps ------------------------------------------------------------------===//

namespace {
class Writer {
public:
  Writer(const Analysis &analysis, Program &program) : analysis(analysis), program(program) {}
  void writeBlock(Block &block);
  void writeAssumptions();

private:
  void write(Operation &op);
  void writeApply(ApplyOp op);
  void writeTable(TableOp op);
  void writeRepeat(RepeatOp op);
  void writeStep(StepOp op);
  void writeParam(ParamOp op);
  void writePlain(Operation &op);
  int64_t add(std::string name, Value value, ValueRange of, json::Object fields = json::Object());
  bool isEquation(StepOp op) const;
  void fail(const std::string &why) {
    if (program.obstacle.empty())
      program.obstacle = why;
  }

  const Analysis &analysis;
  Program &program;
  RepeatOp repeat;
  /// Where the operations of a region, and of what is in it, begin and end.
  llvm::DenseMap<Operation *, std::pair<int64_t, int64_t>> scopes;
};
} // namespace

static json::Value numbers(ArrayRef<double> values) {
  if (values.size() == 1)
    return values[0];
  json::Array array;
  for (double value : values)
    array.push_back(value);
  return array;
}

int64_t Writer::add(std::string name, Value value, ValueRange of, json::Object fields) {
  ProgramStep step{name, value, {}, repeat};
  for (Value operand : of) {
    step.of.push_back(program.placeOf(operand));
    if (step.of.back() < 0)
      fail("'" + name + "' uses a second result, which no step of a certificate has");
  }
  json::Array shape;
  for (int64_t size : value ? getFeatures(value.getType()) : ArrayRef<int64_t>())
    shape.push_back(size);
  fields["op"] = name;
  fields["of"] = json::Array(ArrayRef<int64_t>(step.of));
  fields["shape"] = std::move(shape);
  fields["rows"] = value && hasRows(value.getType());
  int64_t place = static_cast<int64_t>(program.steps.size());
  if (value)
    program.places[value] = place;
  program.steps.push_back(std::move(step));
  program.json.push_back(std::move(fields));
  return place;
}

void Writer::writeBlock(Block &block) {
  Operation *parent = block.getParentOp();
  int64_t first = static_cast<int64_t>(program.steps.size());
  for (Operation &op : block.without_terminator())
    write(op);
  scopes[parent] = {first, static_cast<int64_t>(program.steps.size()) - 1};
  if (isa<ReturnOp>(block.getTerminator()))
    add("return", {}, block.getTerminator()->getOperands());
}

void Writer::write(Operation &op) {
  if (isa<AssumeOp, CheckOp, LawOp>(op))
    return;
  if (auto apply = dyn_cast<ApplyOp>(op))
    writeApply(apply);
  else if (auto repeat = dyn_cast<RepeatOp>(op))
    writeRepeat(repeat);
  else if (auto step = dyn_cast<StepOp>(op))
    writeStep(step);
  else if (auto param = dyn_cast<ParamOp>(op))
    writeParam(param);
  else if (auto table = dyn_cast<TableOp>(op))
    writeTable(table);
  else
    writePlain(op);
}

void Writer::writeTable(TableOp op) {
  json::Object fields{{"values", numbers(op.getValues())}};
  if (std::optional<StringRef> schedule = op.getSchedule())
    fields["schedule"] = *schedule;
  add("table", op.getResult(), {}, std::move(fields));
}

/// What a definition's author declares of its value (S7), as far as the verifier uses it.
static json::Object lawsOf(ApplyOp op, bool isOfOneInput) {
  json::Object laws;
  for (LawOp law : op.getBody().getOps<LawOp>()) {
    auto number = dyn_cast_if_present<FloatAttr>(law.getBoundAttr());
    double bound = number ? number.getValueAsDouble() : INFINITY;
    StringRef name = law.getPath();
    bool isOfInput = name == "degree" || name == "slope";
    bool isUsed = std::isfinite(bound) && bound >= 0 && (!isOfInput || isOfOneInput) &&
                  (name != "degree" || (bound == std::round(bound) && bound <= 8));
    std::optional<double> known = laws.getNumber(name);
    if (isUsed && (!known || bound < *known))
      laws[name] = bound;
  }
  return laws;
}

void Writer::writeApply(ApplyOp op) {
  writeBlock(op.getBody().front());
  Operation *yield = op.getBody().front().getTerminator();
  Value input = analysis.inputOf(op);
  json::Object laws = lawsOf(op, /*isOfOneInput=*/static_cast<bool>(input));
  bool needsInput = laws.get("degree") || laws.get("slope");
  for (auto [result, value] : llvm::zip_equal(op.getResults(), yield->getOperands())) {
    if (laws.empty())
      program.places[result] = program.placeOf(value);
    else if (needsInput)
      add("law", result, {value, input}, json::Object{{"with", json::Object(laws)}});
    else
      add("law", result, {value}, json::Object{{"with", json::Object(laws)}});
  }
}

void Writer::writeRepeat(RepeatOp op) {
  if (repeat || op.getCarries().size() != 1 || op.getNumResults() != 1 || op.getCount() < 1) {
    fail("a repeat has several streams, no layers, or is in another");
    return;
  }
  repeat = op;
  json::Object range{{"first", static_cast<int64_t>(op.getFirst())},
                     {"count", static_cast<int64_t>(op.getCount())}};
  Value carry = op.getCarryArguments().front();
  json::Object fields{{"with", std::move(range)}};
  if (std::optional<StringRef> from = op.getFrom())
    fields["from"] = *from;
  if (std::optional<StringRef> to = op.getTo())
    fields["to"] = *to;
  add("repeat", carry, op.getCarries(), std::move(fields));
  writeBlock(op.getBody().front());
  Operation *yield = op.getBody().front().getTerminator();
  add("end", op.getResult(0), yield->getOperands().take_front(1));
  repeat = {};
}

bool Writer::isEquation(StepOp op) const {
  for (const Stack &stack : analysis.stacks)
    for (const Equation &equation : stack.equations)
      if (const_cast<Equation &>(equation).op == op)
        return true;
  return false;
}

// A step around the steps of a block is the last of them.
void Writer::writeStep(StepOp op) {
  if (!isEquation(op))
    program.places[op.getResult()] = program.placeOf(op.getNext());
  else if (!repeat)
    fail("it has residual steps outside of a repeat");
  else
    add("step", op.getResult(), {op.getPrevious(), op.getNext()});
}

void Writer::writeParam(ParamOp op) {
  json::Object fields{{"path", op.getPath()}};
  if (analysis.assumptions.optimizer())
    fields["start"] = largestInitial(op.getInit());
  if (analysis.assumptions.optimizer() &&
      (op.getInit().getASchedule() || op.getInit().getBSchedule()))
    fields["schedule"] = "?";
  add("param", op.getResult(), {}, std::move(fields));
}

void Writer::writePlain(Operation &op) {
  json::Object fields, with;
  for (NamedAttribute attribute : op.getAttrs()) {
    StringRef name = attribute.getName();
    if (auto number = dyn_cast<FloatAttr>(attribute.getValue()))
      with[name] = number.getValueAsDouble();
    else if (auto flag = dyn_cast<BoolAttr>(attribute.getValue()))
      with[name] = flag.getValue() ? 1 : 0;
    else if (auto number = dyn_cast<IntegerAttr>(attribute.getValue()))
      with[name] = number.getInt();
    else if (isa<UnitAttr>(attribute.getValue()))
      with[name] = 1;
  }
  if (op.getNumOperands() == 0 && with.get("value"))
    fields["values"] = *with.get("value");
  else if (!with.empty())
    fields["with"] = std::move(with);
  add(op.getName().stripDialect().str(), op.getNumResults() ? op.getResult(0) : Value(),
      op.getOperands(), std::move(fields));
}

//===-- assumptions ------------------------------------------------------------===//

void Writer::writeAssumptions() {
  for (const Assumption &one : analysis.assumptions.all()) {
    AssumeOp op = one.op;
    json::Object fields{{"form", one.form}};
    if (!one.path.empty())
      fields["path"] = one.path;
    if (one.isLower)
      continue; // nothing that is certified rests on a lower bound
    if (one.bound.isFinite()) {
      std::vector<double> values;
      for (size_t i = 0; i < one.bound.size(); ++i)
        values.push_back(one.bound[i]);
      fields["bound"] = numbers(values);
    }
    json::Object with;
    if (DictionaryAttr arguments = op.getArgumentsAttr())
      for (NamedAttribute argument : arguments)
        if (auto number = dyn_cast<FloatAttr>(argument.getValue()))
          with[argument.getName().getValue()] = number.getValueAsDouble();
    if (!with.empty())
      fields["with"] = std::move(with);
    auto [first, last] = scopes.lookup(op->getParentOp());
    fields["first"] = first;
    fields["last"] = last;
    program.assumptions.push_back(std::move(fields));
  }
}

Program stability::programOf(const Analysis &analysis) {
  Program program;
  Writer writer(analysis, program);
  ModelOp model = analysis.model;
  writer.writeBlock(model.getBody().front());
  writer.writeAssumptions();
  return program;
}

//===-- what lnx-certify knows -------------------------------------------------===//

std::string Program::ruleOf(int64_t place) const {
  const ProgramStep &step = steps[place];
  if (std::optional<Norm> norm = normAt(place))
    return isCentred(norm->v) ? "S16" : "S17";
  if (step.op == "div" && steps[step.of[1]].op == "sum" && steps[step.of[1]].of[0] == step.of[0])
    return "S25";
  if (step.value && step.op == "sum" && matchMixing(step.value))
    return "S34";
#define CERTIFIED(name, claim)                                                                     \
  if (step.op == name)                                                                             \
    return claim;
#include "compiler/stability/Certified.def"
  return "";
}

static double exponentOf(const ProgramStep &step) {
  if (step.op == "sqrt" || step.op == "rsqrt")
    return step.op == "sqrt" ? 0.5 : -0.5;
  Operation *op = step.value ? step.value.getDefiningOp() : nullptr;
  auto exponent = op ? op->getAttrOfType<FloatAttr>("exponent") : FloatAttr();
  return exponent ? exponent.getValueAsDouble() : 0;
}

/// The radicand that `above` is divided by the root of; -1 where there is none.
int64_t Program::radicandOf(int64_t place, int64_t &above) const {
  const ProgramStep &step = steps[place];
  bool isQuotient = step.op == "div";
  for (size_t i = 1; (isQuotient || step.op == "mul") && i < 2; --i) {
    const ProgramStep &root = steps[isQuotient ? withoutNumber(step.of[i]) : step.of[i]];
    above = step.of[1 - i];
    if (exponentOf(root) == (isQuotient ? 0.5 : -0.5))
      return withoutNumber(root.of[0]);
    if (isQuotient)
      break;
    const ProgramStep &inverse = steps[step.of[i]]; // number / root
    if (inverse.op != "div" || steps[inverse.of[0]].op != "constant")
      continue;
    if (const ProgramStep &under = steps[withoutNumber(inverse.of[1])]; exponentOf(under) == 0.5)
      return withoutNumber(under.of[0]);
  }
  return -1;
}

int64_t Program::withoutNumber(int64_t place) const {
  const ProgramStep &sum = steps[place];
  for (size_t i = 0; sum.op == "add" && i < 2; ++i)
    if (steps[sum.of[i]].op == "constant")
      return sum.of[1 - i];
  return place;
}

bool Program::isCentred(int64_t place) const {
  const ProgramStep &step = steps[place];
  return step.op == "sub" && steps[step.of[1]].op == "mean" &&
         isSameValue(steps[steps[step.of[1]].of[0]].value, steps[step.of[0]].value);
}

/// The place of x where a step is x x; -1 where it is none.
int64_t Program::baseOf(int64_t place) const {
  const ProgramStep &square = steps[place];
  bool isProduct =
      square.op == "mul" && isSameValue(steps[square.of[0]].value, steps[square.of[1]].value);
  return isProduct || exponentOf(square) == 2 ? square.of[0] : -1;
}

std::optional<Program::Norm> Program::normAt(int64_t place) const {
  int64_t above = -1, radicand = radicandOf(place, above);
  if (radicand < 0)
    return std::nullopt;
  const bool isVariance = steps[radicand].op == "sub";
  const ProgramStep &mean = isVariance ? steps[steps[radicand].of[0]] : steps[radicand];
  if (mean.op != "mean" && (mean.op != "sum" || isVariance))
    return std::nullopt;
  const int64_t squared = baseOf(mean.of[0]);
  if (squared < 0)
    return std::nullopt;
  const Value x = steps[squared].value;
  if (isVariance) {
    const int64_t other = baseOf(steps[radicand].of[1]);
    if (other < 0 || steps[other].op != "mean" || !isSameValue(steps[steps[other].of[0]].value, x))
      return std::nullopt;
  }
  auto isNormalised = [&](int64_t v) {
    return isVariance ? isCentred(v) && isSameValue(steps[steps[v].of[0]].value, x)
                      : isSameValue(steps[v].value, x);
  };
  const ProgramStep &product = steps[above];
  if (isNormalised(above))
    return Norm{above, -1};
  for (size_t i = 0; product.op == "mul" && i < 2; ++i)
    if (isNormalised(product.of[i]))
      return Norm{product.of[i], product.of[1 - i]};
  return std::nullopt;
}
