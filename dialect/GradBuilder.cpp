// GradBuilder.cpp: arithmetic on terms and the sums of gradient contributions.
// Every `differentiate` and the autodiff pass rely on it.
#include "dialect/LnxDialect.h"

using namespace mlir;
using namespace mlir::lnx;

//===-- terms --------------------------------------------------------------===//

template <typename OpTy> static Term combine(Term a, Term b) {
  return {a.builder, a.loc, a.builder->createOrFold<OpTy>(a.loc, a.value, b.value)};
}

static Term numberLike(Term term, double number) {
  return {term.builder, term.loc, ConstantOp::create(*term.builder, term.loc, number)};
}

// A folded operation leaves its number without a use.
template <typename OpTy> static Term combineNumber(Term a, Term b, Term number) {
  Term result = combine<OpTy>(a, b);
  if (number.value.use_empty() && result.value != number.value)
    number.value.getDefiningOp()->erase();
  return result;
}

Term lnx::operator+(Term a, Term b) { return combine<AddOp>(a, b); }
Term lnx::operator-(Term a, Term b) { return combine<SubOp>(a, b); }
Term lnx::operator*(Term a, Term b) { return combine<MulOp>(a, b); }
Term lnx::operator/(Term a, Term b) { return combine<DivOp>(a, b); }
Term lnx::operator-(Term a) {
  return {a.builder, a.loc, a.builder->createOrFold<NegOp>(a.loc, a.value)};
}
Term lnx::operator+(double a, Term b) { return b + a; }
Term lnx::operator+(Term a, double b) {
  Term number = numberLike(a, b);
  return combineNumber<AddOp>(a, number, number);
}
Term lnx::operator-(double a, Term b) {
  Term number = numberLike(b, a);
  return combineNumber<SubOp>(number, b, number);
}
Term lnx::operator-(Term a, double b) { return a + -b; }
Term lnx::operator*(double a, Term b) {
  Term number = numberLike(b, a);
  return combineNumber<MulOp>(b, number, number);
}
Term lnx::operator/(Term a, double b) { return (1 / b) * a; }

//===-- gradients ----------------------------------------------------------===//

Value GradBuilder::gradient(Value value) {
  auto found = pending.find(value);
  if (found == pending.end())
    return {};
  SmallVector<Value, 2> &parts = found->second;
  Term sum = term(parts.front());
  for (Value part : llvm::drop_begin(parts))
    sum = sum + term(part);
  parts.assign({sum.value});
  return sum.value;
}

ArrayRef<Value> GradBuilder::contributions(Value value) const {
  auto found = pending.find(value);
  return found == pending.end() ? ArrayRef<Value>() : ArrayRef<Value>(found->second);
}

// Sums the features of `contribution` along which a tensor of type `type` was repeated.
static Term reduceFeatures(Term contribution, Type type) {
  ArrayRef<int64_t> wanted = getFeatures(type);
  int64_t rank = getFeatures(contribution.value.getType()).size();
  for (int64_t axis = 1; axis <= rank; ++axis) {
    int64_t size = getFeatures(contribution.value.getType())[rank - axis];
    int64_t kept = axis <= static_cast<int64_t>(wanted.size()) ? wanted[wanted.size() - axis] : 1;
    if (size != kept)
      contribution.value =
          SumOp::create(*contribution.builder, contribution.loc, contribution.value, -axis);
  }
  return contribution;
}

// The transpose of broadcasting a tensor of type `type` to the contribution's type.
static Value reduceTo(Term contribution, Type type) {
  contribution = reduceFeatures(contribution, type);
  OpBuilder &builder = *contribution.builder;
  if (hasRows(contribution.value.getType()) && !hasRows(type))
    contribution.value = SumRowsOp::create(builder, contribution.loc, contribution.value);
  if (contribution.value.getType() != type)
    contribution.value = ReshapeOp::create(builder, contribution.loc, type, contribution.value);
  return contribution.value;
}

void GradBuilder::add(Value value, Value contribution) {
  if (!isActive(value))
    return;
  pending[value].push_back(reduceTo(term(contribution), value.getType()));
}
