// Recurrence: r_{k+1} <= A_k r_k + B_k + C_k r_k^2, its value at one depth and its class in depth
// (S47, S48, S50). Classes come from recognised formulas, piece by piece in order; what is not
// recognised is unknown (S51).
#include "compiler/stability/ScheduleBound.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

namespace mlir::lnx::stability {

using Coefficients = Recurrence::Coefficients;

/// A product of skips this near to 1 is 1: rounding of doubles, nothing else.
static constexpr double roundingSlack = 4 * DBL_EPSILON;

/// x y, where 0 times infinity is 0: a norm forgets even an overflown stream.
static double product(double x, double y) { return x == 0 || y == 0 ? 0 : x * y; }

/// Finite and not negative.
static bool isSound(const Coefficients &k) {
  return std::isfinite(k.a + k.gain + k.b + k.c) && k.a >= 0 && k.gain >= 0 && k.b >= 0 && k.c >= 0;
}

static double evaluateTable(const std::vector<Coefficients> &table, double r0) {
  double r = r0;
  for (const Coefficients &k : table) {
    if (!isSound(k))
      return HUGE_VAL;
    double next = product(k.a + k.gain, r) + k.b + product(k.c, product(r, r));
    // Five roundings downwards at most: 1 + 4 epsilon (8 roundings) is above them all. Underflow
    // must not reach zero.
    bool isZero = k.b == 0 && (r == 0 || (k.a + k.gain == 0 && k.c == 0));
    r = isZero ? 0 : std::max(next * (1 + roundingSlack), DBL_MIN);
  }
  return roundUp(r);
}

double Recurrence::evaluate(int64_t depth, double r0) const { return evaluateTable(at(depth), r0); }

std::vector<int64_t> sampleDepths(int64_t depth) {
  int64_t b = std::clamp<int64_t>(depth, 48, 96);
  return {b, b + 1, b + b / 2, 2 * b, 3 * b + 1, 4 * b, 6 * b + 1, 8 * b};
}

namespace {
constexpr size_t columnsPerUpdate = 4;

void append(std::vector<double> &row, const Coefficients &k) {
  row.insert(row.end(), {k.a, k.b, k.c, k.gain});
}

/// One update of all layers of a piece: A <= a, B <= b, C <= c.
struct Update {
  UpperBound a, b, c;
  bool isReset = false; // A and C are zero
};

/// Follows the class of r through the pieces.
class Flow {
public:
  Flow(const Samples &samples) : samples(samples), state(Growth::bounded()) {}
  /// False where a formula has no bound.
  bool pass(const Piece &piece);
  Growth result() const { return state; }

private:
  bool readUpdates(const Piece &piece);
  void passOnce(const Update &update);
  bool passReset();
  bool passContraction();
  void passProduct();
  std::vector<ScheduleTerm> logTerms(bool &isExponential) const;
  void passLogarithm(const std::vector<ScheduleTerm> &logs);

  const Samples &samples;
  Growth state;
  Span span;
  std::vector<Update> updates;
};
} // namespace

bool Flow::readUpdates(const Piece &piece) {
  updates.clear();
  span = spanOf(piece, samples.depths);
  double smallest = static_cast<double>(samples.depths.front());
  for (size_t i = 0; i < piece.columns.size(); i += columnsPerUpdate) {
    std::optional<UpperBound> bounds[columnsPerUpdate];
    for (size_t k = 0; k < columnsPerUpdate; ++k) {
      bounds[k] = upperBound(piece.columns[i + k], smallest);
      if (!bounds[k])
        return false;
    }
    Update update{*bounds[0], *bounds[1], *bounds[2]};
    update.a.add(*bounds[3]);
    update.a.constant = std::max(update.a.constant, 0.0);
    update.isReset = update.a.isZero() && update.c.isZero();
    updates.push_back(std::move(update));
  }
  return true;
}

void Flow::passOnce(const Update &update) {
  Growth next = classOfValue(update.b, span);
  if (!update.a.isZero())
    next = Growth::maximum(next, state.times(classOfValue(update.a, span)));
  if (!update.c.isZero())
    next = Growth::maximum(next, state.squared().times(classOfValue(update.c, span)));
  state = next;
}

/// A norm after the sum forgets what came before: only the last layer's updates after it count.
bool Flow::passReset() {
  size_t last = updates.size();
  for (size_t i = 0; i < updates.size(); ++i)
    if (updates[i].isReset)
      last = i;
  for (size_t i = last; i < updates.size(); ++i)
    passOnce(updates[i]);
  return last < updates.size();
}

/// A const < 1 over a whole layer: max(r0, B/(1 - A)), with B the largest there is. Terms that
/// vanish are large in finitely many layers only, a constant factor.
bool Flow::passContraction() {
  double layer = 1;
  for (const Update &update : updates) {
    if (!std::all_of(update.a.terms.begin(), update.a.terms.end(), isVanishing))
      return false;
    layer *= update.a.constant;
  }
  if (!(layer < 1 - roundingSlack * static_cast<double>(updates.size())))
    return false;
  for (const Update &update : updates)
    state = Growth::maximum(state, classOfValue(update.b, span));
  return true;
}

/// Terms whose sum over the layers is above log prod A, up to a constant.
std::vector<ScheduleTerm> Flow::logTerms(bool &isExponential) const {
  double layer = 0, largest = 0, smallest = 1;
  for (const Update &update : updates) {
    layer += std::log(update.a.constant);
    largest = std::max(largest, update.a.constant);
    smallest = std::min(smallest, update.a.constant);
  }
  // Constants that cancel within a layer, as 2 and 1/2: prefixes of the product stay bounded.
  bool cancels =
      smallest > 0 && largest > 1 + roundingSlack && layer <= roundingSlack * updates.size();
  std::vector<ScheduleTerm> result;
  for (const Update &update : updates) {
    double above = update.a.constant;
    bool isBounded = true;
    for (const ScheduleTerm &t : update.a.terms) {
      above += t.c;
      isBounded &= isAtMostOne(t);
    }
    if (!cancels && isBounded && above <= 1 + roundingSlack)
      continue;
    isExponential |= !cancels && update.a.constant > 1 + roundingSlack;
    for (ScheduleTerm t : update.a.terms) {
      if (cancels)
        t.c /= update.a.constant;
      result.push_back(t);
    }
  }
  return result;
}

/// prod A <= (N/l)^k or N^k, so B's terms are multiplied by that before they are summed.
void Flow::passLogarithm(const std::vector<ScheduleTerm> &logs) {
  double k = 0;
  bool isPure = true;
  for (const ScheduleTerm &t : logs) {
    Growth sum = classOfSum(t, span);
    if (sum.kind() != Growth::Kind::log)
      continue;
    k += logCoefficient(t, span);
    isPure &= span.startFraction == 0 && t.s == 0 && t.q == 0;
  }
  k = nearbyFraction(k);
  state = state.times(Growth::power(k));
  for (const Update &update : updates) {
    std::vector<ScheduleTerm> terms = update.b.terms;
    if (update.b.constant > 0)
      terms.push_back({update.b.constant, 0, 0, 0});
    for (ScheduleTerm t : terms) {
      t.p += isPure ? k : 0;
      t.s -= k;
      state = Growth::maximum(state, classOfSum(t, span));
    }
  }
}

void Flow::passProduct() {
  bool isExponential = false;
  std::vector<ScheduleTerm> logs = logTerms(isExponential);
  Growth sum = isExponential ? Growth::power(1) : Growth::bounded();
  for (const ScheduleTerm &t : logs)
    sum = Growth::maximum(sum, classOfSum(t, span));
  Growth factor = Growth::bounded();
  if (sum.kind() == Growth::Kind::log && sum.logs() <= 1)
    return passLogarithm(logs);
  if (sum.kind() == Growth::Kind::log) // exp((log N)^q): between every power and every stretched
    factor = Growth::unknown(0);
  else if (sum.kind() == Growth::Kind::power && sum.exponent() < 1)
    factor = Growth::stretched(sum.exponent(), sum.logs());
  else if (sum.kind() == Growth::Kind::power)
    factor = sum == Growth::power(1) ? Growth::exponential() : Growth::doubleExponential();
  for (const Update &update : updates)
    state = Growth::maximum(state, classOfSum(update.b, span));
  state = state.times(factor);
}

bool Flow::pass(const Piece &piece) {
  if (!readUpdates(piece))
    return false;
  if (span.hasFixedLength) {
    for (int64_t layer = piece.first[0]; layer <= piece.last[0]; ++layer)
      for (const Update &update : updates)
        passOnce(update);
    return true;
  }
  if (passReset())
    return true;
  if (std::any_of(updates.begin(), updates.end(), [](const Update &u) { return !u.c.isZero(); }))
    state = Growth::doubleExponential();
  else if (!passContraction())
    passProduct();
  return true;
}

namespace {
/// What a growth class is read from: the tables, and whether they can be read at all.
struct Reading {
  Samples samples;
  std::vector<std::vector<Coefficients>> tables;
  size_t updates = 0;
  bool isRegular = true, isTop = false;

  void judge(const std::vector<Coefficients> &entries);
  double fitted() const;
};
} // namespace

void Reading::judge(const std::vector<Coefficients> &entries) {
  for (const Coefficients &k : entries) {
    double sum = k.a + k.gain + k.b + k.c;
    isTop |= !std::isfinite(sum);
    isRegular &= k.a >= 0 && k.gain >= 0 && k.b >= 0 && k.c >= 0;
  }
}

/// Slope of log r over log N at N, 2N, 4N and 8N from r0 = 1 (S51): least squares.
double Reading::fitted() const {
  double xy = 0, xx = 0, sumX = 0, sumY = 0;
  const size_t depths[] = {0, 3, 5, 7}; // of sampleDepths
  for (size_t i : depths) {
    double x = std::log(static_cast<double>(samples.depths[i]));
    double y = std::log(std::max(evaluateTable(tables[i], 1), DBL_MIN));
    xy += x * y / 4, xx += x * x / 4, sumX += x / 4, sumY += y / 4;
  }
  return std::isfinite(sumY) ? (xy - sumX * sumY) / (xx - sumX * sumX) : HUGE_VAL;
}

static Reading readTables(const Recurrence &recurrence, int64_t depth) {
  Reading reading;
  reading.samples.depths = sampleDepths(depth);
  for (int64_t d : reading.samples.depths) {
    std::vector<Coefficients> table = recurrence.at(d);
    if (reading.tables.empty())
      reading.updates = table.size() / d;
    reading.isRegular &= table.size() == reading.updates * d;
    reading.judge(table);
    std::vector<double> row;
    row.reserve(table.size() * columnsPerUpdate);
    for (const Coefficients &k : table)
      append(row, k);
    reading.samples.tables.push_back(std::move(row));
    reading.tables.push_back(std::move(table));
  }
  for (size_t i = 0; i < reading.updates; ++i)
    reading.samples.references.insert(reading.samples.references.end(), {1, 0, 0, 0});
  return reading;
}

/// Do the formulas give the layers of a deep model? Looks at a few hundred layers.
static bool confirmDeep(const Recurrence &recurrence, int64_t depth, Reading &reading,
                        const std::vector<Piece> &pieces) {
  std::vector<Coefficients> table;
  if (!recurrence.layerAt)
    table = recurrence.at(depth);
  if (!recurrence.layerAt && table.size() != reading.updates * depth)
    return false;
  reading.judge(table);
  std::vector<int64_t> layers = {1, 2, 3, depth - 2, depth - 1, depth};
  for (int64_t i = 1; i < 64; ++i)
    layers.push_back(depth / 64 * i);
  for (int64_t layer : layers) {
    std::vector<Coefficients> entries;
    if (recurrence.layerAt)
      entries = recurrence.layerAt(depth, layer);
    else
      entries.assign(table.begin() + (layer - 1) * reading.updates,
                     table.begin() + layer * reading.updates);
    if (recurrence.layerAt)
      reading.judge(entries);
    if (entries.size() != reading.updates)
      return false;
    std::vector<double> row;
    for (const Coefficients &k : entries)
      append(row, k);
    if (!agrees(reading.samples, pieces, depth, layer, row))
      return false;
  }
  return true;
}

Growth Recurrence::growth(int64_t depth) const {
  Reading reading = readTables(*this, depth);
  if (reading.isTop)
    return Growth::unbounded();
  if (!reading.isRegular || reading.updates == 0)
    return reading.updates == 0 && reading.isRegular ? Growth::bounded()
                                                     : Growth::unknown(reading.fitted());
  std::optional<std::vector<Piece>> pieces = recognisePieces(reading.samples);
  if (!pieces)
    return Growth::unknown(reading.fitted());
  std::vector<int64_t> deep;
  if (depth > reading.samples.depths.back())
    deep.push_back(depth);
  if (layerAt)
    deep.insert(deep.end(), {10'007, 1'000'003, 1'000'000'000});
  for (int64_t d : deep) {
    bool isConfirmed = confirmDeep(*this, d, reading, *pieces);
    if (reading.isTop)
      return Growth::unbounded();
    if (!isConfirmed || !reading.isRegular)
      return Growth::unknown(reading.fitted());
  }
  Flow flow(reading.samples);
  for (const Piece &piece : *pieces)
    if (!flow.pass(piece))
      return Growth::unknown(reading.fitted());
  Growth result = flow.result();
  return result.kind() == Growth::Kind::unknown ? Growth::unknown(reading.fitted()) : result;
}

/// The recurrence of a product of 1 + f, or of a sum of f.
static Recurrence recurrenceOf(const Table &table, Coefficients (*entry)(double)) {
  Recurrence recurrence;
  recurrence.at = [=](int64_t depth) {
    std::vector<Coefficients> result;
    for (double value : table(depth))
      result.push_back(entry(value));
    return result;
  };
  return recurrence;
}

Growth classOfSum(const Table &table, int64_t depth) {
  return recurrenceOf(table, [](double f) { return Coefficients{1, f > 0 ? f : 0 * f, 0, 0}; })
      .growth(depth);
}

Growth classOfProduct(const Table &factorsMinusOne, int64_t depth) {
  return recurrenceOf(factorsMinusOne,
                      [](double f) {
                        return f > 0 ? Coefficients{1, 0, 0, f} : Coefficients{1 + f, 0, 0, 0 * f};
                      })
      .growth(depth);
}

std::optional<ScheduleTerm> recognise(const Table &table, int64_t depth) {
  Samples samples{sampleDepths(depth), {}, {0}};
  for (int64_t d : samples.depths) {
    samples.tables.push_back(table(d));
    if (static_cast<int64_t>(samples.tables.back().size()) != d)
      return std::nullopt;
  }
  std::optional<std::vector<Piece>> pieces = recognisePieces(samples);
  if (!pieces || pieces->size() != 1)
    return std::nullopt;
  const Formula &formula = pieces->front().columns.front();
  if (formula.parts.empty())
    return ScheduleTerm();
  const Formula::Part &part = formula.parts.front();
  if (formula.parts.size() != 1 || formula.root != 1 || part.depth.root != 1 ||
      part.depth.terms.size() != 1)
    return std::nullopt;
  ScheduleTerm term = part.depth.terms.front();
  term.c *= part.depth.sign;
  term.p = -part.power;
  return term;
}

} // namespace mlir::lnx::stability
