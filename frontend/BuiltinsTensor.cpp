// BuiltinsTensor: attention, heads and several streams, made of the dialect's primitives.
// Shapes in comments are features of one position unless they say otherwise.
#include "frontend/Builtins.h"
#include "frontend/Printer.h"

namespace lnx::spec {

mlir::Value tensorArgument(Elaborator &e, const Argument &arg, const char *builtin) {
  const Tensor *tensor = arg.value.as<Tensor>();
  if (tensor && !tensor->isIds())
    return tensor->value;
  if (!arg.value.isPoison())
    e.error(arg.location,
            "'" + std::string(builtin) + "' takes a tensor, this is " + describe(arg.value));
  return {};
}

namespace {
mlir::Value reshape(Elaborator &e, mlir::Location at, mlir::Value x,
                    llvm::ArrayRef<int64_t> features) {
  if (Tensor{x}.features() == features)
    return x;
  return ir::ReshapeOp::create(e.ops(), at, e.typeOf(features, Tensor{x}.hasRows()), x);
}

/// Where the number of heads was set, for the notes of an error about it.
void noteHeads(Elaborator &e, Diagnostic &diagnostic, const Argument &heads) {
  const std::string name = heads.expr && heads.expr->name() ? *heads.expr->name() : "heads";
  const Location origin = heads.value.origin();
  if (origin && origin != heads.location)
    diagnostic.note(origin, "'" + name + "' is set here");
}

bool checkHeads(Elaborator &e, int64_t width, int64_t heads, const Argument &x,
                const Argument &by) {
  if (width % heads == 0)
    return true;
  Diagnostic &diagnostic =
      e.error(x.location, "width " + std::to_string(width) + " cannot be split into " +
                              std::to_string(heads) + " heads");
  noteHeads(e, diagnostic, by);
  return false;
}
} // namespace

// [d] -> [heads, d/heads]
Value applySplitHeads(Elaborator &e, BuiltinCall &call) {
  const Argument &x = *call.args[0], &by = *call.args[1];
  const mlir::Value tensor = tensorArgument(e, x, "split_heads");
  const std::optional<int64_t> heads = tensor ? e.positiveOf(by, "number of heads") : std::nullopt;
  if (!heads)
    return {};
  const llvm::ArrayRef<int64_t> features = Tensor{tensor}.features();
  if (features.size() != 1) {
    e.error(x.location, "'split_heads' takes [width], this is " + shapeText(features));
    return {};
  }
  if (!checkHeads(e, features[0], *heads, x, by))
    return {};
  return Value(reshape(e, e.place(call.location), tensor, {*heads, features[0] / *heads}),
               call.location);
}

// [heads, size] -> [heads*size]
Value applyJoinHeads(Elaborator &e, BuiltinCall &call) {
  const mlir::Value tensor = tensorArgument(e, *call.args[0], "join_heads");
  if (!tensor)
    return {};
  const llvm::ArrayRef<int64_t> features = Tensor{tensor}.features();
  if (features.size() != 2) {
    e.error(call.args[0]->location,
            "'join_heads' takes [heads, size], this is " + shapeText(features));
    return {};
  }
  return Value(reshape(e, e.place(call.location), tensor, {features[0] * features[1]}),
               call.location);
}

Value applyTranspose(Elaborator &e, BuiltinCall &call) {
  const mlir::Value tensor = tensorArgument(e, *call.args[0], "transpose");
  if (!tensor)
    return {};
  const Tensor x{tensor};
  if (x.hasRows() || x.features().size() != 2) {
    e.error(call.args[0]->location, "'transpose' takes a matrix of parameters, this is " +
                                        describe(call.args[0]->value) +
                                        (x.hasRows() ? " for each position" : ""));
    return {};
  }
  return Value(ir::TransposeOp::create(e.ops(), e.place(call.location), tensor), call.location);
}

Value applyDim(Elaborator &e, BuiltinCall &call) {
  const mlir::Value tensor = tensorArgument(e, *call.args[0], "dim");
  if (!tensor)
    return {};
  const llvm::ArrayRef<int64_t> features = Tensor{tensor}.features();
  return Value(Number(Scalar(features.empty() ? 1 : features.back())), call.location);
}

namespace {
struct Attention {
  mlir::Value q, k, v;
  int64_t heads = 0, kvHeads = 0, size = 0;
};

/// Widths of q, k and v against the numbers of heads.
std::optional<Attention> attention(Elaborator &e, const BuiltinCall &call) {
  Attention a;
  mlir::Value *const tensors[] = {&a.q, &a.k, &a.v};
  for (size_t i = 0; i < 3; ++i) {
    *tensors[i] = tensorArgument(e, *call.args[i], "attend");
    if (!*tensors[i])
      return std::nullopt;
    const Tensor tensor{*tensors[i]};
    if (!tensor.hasRows() || tensor.features().size() != 1) {
      e.error(call.args[i]->location,
              "'attend' takes [width] for each position, this is " + describe(call.args[i]->value));
      return std::nullopt;
    }
  }
  const Argument &kv = call.args[4] ? *call.args[4] : *call.args[3];
  const std::optional<int64_t> heads = e.positiveOf(*call.args[3], "number of heads");
  const std::optional<int64_t> kvHeads = heads ? e.positiveOf(kv, "number of heads") : std::nullopt;
  const int64_t width = Tensor{a.q}.features()[0];
  if (!heads || !kvHeads || !checkHeads(e, width, *heads, *call.args[0], *call.args[3]))
    return std::nullopt;
  a.heads = *heads;
  a.kvHeads = *kvHeads;
  a.size = width / *heads;
  if (*heads % *kvHeads != 0) {
    Diagnostic &diagnostic = e.error(kv.location, std::to_string(*heads) + " heads cannot share " +
                                                      std::to_string(*kvHeads) + " key heads");
    noteHeads(e, diagnostic, kv);
    return std::nullopt;
  }
  for (size_t i = 1; i < 3; ++i)
    if (const int64_t got = Tensor{*tensors[i]}.features()[0]; got != a.kvHeads * a.size) {
      e.error(call.args[i]->location, "keys and values of " + std::to_string(a.kvHeads) +
                                          " heads are " + std::to_string(a.kvHeads * a.size) +
                                          " wide, this is " + std::to_string(got));
      return std::nullopt;
    }
  return a;
}

/// A number that all layers share; `otherwise` where it is not given. Null after an error.
std::optional<double> sharedNumber(Elaborator &e, const std::optional<Argument> &arg,
                                   const char *name, double otherwise) {
  if (!arg)
    return otherwise;
  const std::optional<Number> number = e.numberOf(*arg, "'" + std::string(name) + "'");
  if (!number)
    return std::nullopt;
  if (!number->isUniform()) {
    e.error(arg->location, "'" + std::string(name) + "' is the same in every layer, this is " +
                               format(number->at(0)) + " and then " +
                               format(number->at(number->size() - 1)));
    return std::nullopt;
  }
  e.keepToDepth(*number);
  return number->front().value();
}
} // namespace

// q [heads*size], k and v [kv_heads*size] -> [heads*size]
Value applyAttend(Elaborator &e, BuiltinCall &call) {
  std::optional<Attention> a = attention(e, call);
  if (!a)
    return {};
  const std::optional<double> causal = sharedNumber(e, call.args[5], "causal", 1);
  const std::optional<double> softcap = sharedNumber(e, call.args[7], "softcap", 0);
  if (!causal || !softcap)
    return {};
  if (*causal != 0 && *causal != 1) {
    e.error(call.args[5]->location, "'causal' is 0 or 1, this is " + format(*causal));
    return {};
  }
  if (*softcap < 0) {
    e.error(call.args[7]->location, "'softcap' is not negative, this is " + format(*softcap));
    return {};
  }
  const mlir::Location at = e.place(call.location);
  double scale = 1 / std::sqrt(double(a->size));
  if (call.args[6]) {
    const Number *number = call.args[6]->value.as<Number>();
    if (number && number->isUniform() && !number->hasSchedule()) {
      scale = number->front().value();
    } else { // a learned scale, or one that changes with the layer or the depth
      const mlir::Value factor = e.operandOf(*call.args[6], "attend");
      if (!factor)
        return {};
      if (!Tensor{factor}.features().empty()) {
        e.error(call.args[6]->location,
                "'scale' is a number, this is " + describe(call.args[6]->value));
        return {};
      }
      a->q = ir::MulOp::create(e.ops(), at, a->q, factor);
      scale = 1;
    }
  }
  mlir::OpBuilder &b = e.ops();
  auto op = ir::AttendOp::create(b, at, a->q, a->k, a->v, b.getI64IntegerAttr(a->heads),
                                 b.getI64IntegerAttr(a->kvHeads), b.getBoolAttr(*causal != 0),
                                 b.getF64FloatAttr(scale), b.getF64FloatAttr(*softcap));
  return Value(op.getOutput(), call.location);
}

// A [t, s] and X [s, d] -> [t, d]; A [s] and X [s, d] -> [d]
Value applyMix(Elaborator &e, BuiltinCall &call) {
  const mlir::Value A = tensorArgument(e, *call.args[0], "mix");
  const mlir::Value X = A ? tensorArgument(e, *call.args[1], "mix") : mlir::Value();
  if (!X)
    return {};
  const llvm::ArrayRef<int64_t> a = Tensor{A}.features(), x = Tensor{X}.features();
  if (x.size() != 2 || a.empty() || a.size() > 2 || a.back() != x[0]) {
    e.error(call.location, "'mix' takes weights [.., s] and streams [s, d], these are " +
                               shapeText(a) + " and " + shapeText(x));
    return {};
  }
  const mlir::Location at = e.place(call.location);
  mlir::OpBuilder &b = e.ops();
  llvm::SmallVector<int64_t> weights(a), streams(x);
  weights.push_back(1);
  if (a.size() == 2)
    streams.insert(streams.begin(), 1);
  const mlir::Value products =
      ir::MulOp::create(b, at, reshape(e, at, A, weights), reshape(e, at, X, streams));
  const mlir::Value sums = ir::SumOp::create(b, at, products, b.getI64IntegerAttr(-2));
  llvm::SmallVector<int64_t> result(a.drop_back());
  result.push_back(x[1]);
  return Value(reshape(e, at, sums, result), call.location);
}

// b [s] and y [d] -> [s, d]
Value applyOuter(Elaborator &e, BuiltinCall &call) {
  const mlir::Value left = tensorArgument(e, *call.args[0], "outer");
  const mlir::Value right = left ? tensorArgument(e, *call.args[1], "outer") : mlir::Value();
  if (!right)
    return {};
  const llvm::ArrayRef<int64_t> l = Tensor{left}.features(), r = Tensor{right}.features();
  if (l.size() != 1 || r.size() != 1) {
    e.error(call.location, "'outer' takes weights [s] and a value [d], these are " + shapeText(l) +
                               " and " + shapeText(r));
    return {};
  }
  const mlir::Location at = e.place(call.location);
  return Value(ir::MulOp::create(e.ops(), at, reshape(e, at, left, {l[0], 1}),
                                 reshape(e, at, right, {1, r[0]})),
               call.location);
}

} // namespace lnx::spec
