// FittedGrowth: r_{k+1} <= A_k r_k + B_k + C_k r_k^2, its value at one depth and its class in depth
// (S47, S48, S50). Classes come from recognised formulas, piece by piece in order; what is not
// recognised is unknown (S51).
#include "compiler/stability/FittedFlow.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

namespace mlir::lnx::stability::fitted {

using Coefficients = Recurrence::Coefficients;

static double evaluateTable(const std::vector<Coefficients> &table, double r0) {
  stability::Recurrence recurrence(r0);
  for (const Coefficients &k : table)
    recurrence.pass(k);
  return recurrence.last();
}

std::vector<int64_t> sampleDepths(int64_t depth) {
  int64_t b = std::clamp<int64_t>(depth, 48, 96);
  return {b, b + 1, b + b / 2, 2 * b, 3 * b + 1, 4 * b, 6 * b + 1, 8 * b};
}

static void append(std::vector<double> &row, const Coefficients &k) {
  row.insert(row.end(), {k.a, k.b, k.c, k.gain});
}

namespace {
/// What a growth class is read from: the tables, and whether they can be read at all.
struct Reading {
  Samples samples;
  std::vector<std::vector<Coefficients>> tables;
  int64_t updates = 0; // of one layer
  int64_t extra = 0;   // layers beyond N: steps before or after the layers
  bool isRegular = true, isTop = false;

  void judge(const std::vector<Coefficients> &entries);
  void findLayers();
  double fitted() const;
};
} // namespace

void Reading::judge(const std::vector<Coefficients> &entries) {
  for (const Coefficients &k : entries) {
    isTop |= !std::isfinite(k.a + k.gain + k.b + k.c);
    isRegular &= k.a >= 0 && k.gain >= 0 && k.b >= 0 && k.c >= 0;
  }
}

/// Every table has updates * (N + extra) entries, or the tables cannot be lined up.
void Reading::findLayers() {
  auto size = [&](size_t i) { return static_cast<int64_t>(tables[i].size()); };
  const std::vector<int64_t> &depths = samples.depths;
  size_t deepest = depths.size() - 1;
  updates = (size(deepest) - size(0)) / (depths[deepest] - depths[0]);
  if (updates <= 0) {
    isRegular &= size(deepest) == 0;
    return;
  }
  extra = size(0) / updates - depths[0];
  isRegular &= std::abs(extra) <= 8;
  for (size_t i = 0; i <= deepest; ++i)
    isRegular &= size(i) == updates * (depths[i] + extra);
  for (int64_t i = 0; i < updates; ++i)
    samples.references.insert(samples.references.end(), {1, 0, 0, 0});
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
    reading.judge(table);
    std::vector<double> row;
    row.reserve(table.size() * columnsPerUpdate);
    for (const Coefficients &k : table)
      append(row, k);
    reading.samples.tables.push_back(std::move(row));
    reading.tables.push_back(std::move(table));
  }
  reading.findLayers();
  return reading;
}

/// Steps outside the layers are taken to stand before them, else after them.
static std::optional<std::vector<Piece>> recogniseWithExtra(Reading &reading) {
  for (int64_t lead = std::max<int64_t>(reading.extra, 0); lead >= 0; --lead) {
    reading.samples.lead = lead;
    if (std::optional<std::vector<Piece>> pieces = recognisePieces(reading.samples))
      return pieces;
  }
  return std::nullopt;
}

/// Do the formulas give the layers of a deep model? Looks at a few dozen layers.
static bool confirmDeep(const Recurrence &recurrence, int64_t depth, Reading &reading,
                        const std::vector<Piece> &pieces) {
  std::vector<Coefficients> table;
  if (!recurrence.layerAt) {
    table = recurrence.at(depth);
    reading.judge(table);
    if (static_cast<int64_t>(table.size()) != reading.updates * (depth + reading.extra))
      return false;
  }
  int64_t last = depth + std::min<int64_t>(reading.extra, 0);
  std::vector<int64_t> layers = {1, 2, 3, last - 2, last - 1, last};
  for (int64_t i = 1; i < 64; ++i)
    layers.push_back(depth / 64 * i);
  for (int64_t layer : layers) {
    std::vector<Coefficients> entries;
    if (recurrence.layerAt) {
      entries = recurrence.layerAt(depth, layer);
      reading.judge(entries);
    } else {
      auto first = table.begin() + (layer - 1 + reading.samples.lead) * reading.updates;
      entries.assign(first, first + reading.updates);
    }
    if (static_cast<int64_t>(entries.size()) != reading.updates)
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
  if (!reading.isRegular)
    return Growth::unknown(reading.fitted());
  if (reading.updates <= 0)
    return Growth::bounded();
  std::optional<std::vector<Piece>> pieces = recogniseWithExtra(reading);
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
  GrowthFlow flow(reading.samples);
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

} // namespace mlir::lnx::stability::fitted
