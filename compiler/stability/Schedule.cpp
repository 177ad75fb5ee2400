// Schedule: cut tables into pieces, give each column of a piece a formula and check it everywhere.
// The deepest table decides the shapes; the others only confirm them.
#include "compiler/stability/Schedule.h"
#include <algorithm>
#include <cmath>

namespace mlir::lnx::stability::fitted {

/// More pieces than this are noise, not a schedule.
static constexpr size_t maximumPieces = 12;
/// So are more layers in a row than this that fit nothing: four of them would be a piece.
static constexpr size_t maximumSingles = 3;

double Formula::at(double layer, double depth) const {
  double sum = 0;
  for (const Part &part : parts)
    sum += part.depth.at(depth) * std::pow(layer, part.power);
  return offset + (parts.empty() ? 0 : root == 1 ? sum : std::pow(sum, 1.0 / root));
}

bool Piece::hasFixedLength() const {
  for (size_t i = 0; i < first.size(); ++i)
    if (last[i] - first[i] != last[0] - first[0])
      return false;
  return true;
}

bool Piece::hasFixedStart() const {
  return std::all_of(first.begin(), first.end(), [&](int64_t layer) { return layer == first[0]; });
}

/// The line through the ends of `layers` over `depths`, if all lie within one layer of it.
static std::optional<std::pair<double, double>> borderLine(const std::vector<int64_t> &layers,
                                                           const std::vector<int64_t> &depths) {
  double slope =
      static_cast<double>(layers.back() - layers.front()) / (depths.back() - depths.front());
  slope = nearbyFraction(std::round(slope * 5040) / 5040);
  double offset = layers.back() - slope * depths.back();
  for (size_t i = 0; i < layers.size(); ++i)
    if (std::abs(layers[i] - slope * depths[i] - offset) > 1.5)
      return std::nullopt;
  return std::pair(slope, offset);
}

std::optional<std::pair<double, double>>
Piece::startLine(const std::vector<int64_t> &depths) const {
  std::optional<std::pair<double, double>> line = borderLine(first, depths);
  return line && line->first > 0.01 ? line : std::nullopt;
}

namespace {
/// A piece at one depth: a line for every column, or a single layer without lines.
struct Run {
  int64_t first = 0, last = 0;
  std::vector<Line> lines;
};

/// The work of recognisePieces.
struct Recogniser {
  const Samples &samples;
  Powers cache;

  explicit Recogniser(const Samples &samples)
      : samples(samples), cache(samples.lastLayer(samples.depths.size() - 1)) {}

  void extend(Line &line, const Column &column, double reference, int64_t first, int64_t &last);
  std::optional<Line> longestLine(size_t index, int64_t first, int64_t &last);
  Run nextRun(int64_t first);
  std::optional<std::vector<Run>> search();
  bool follow(Line &line, size_t index, size_t depth, int64_t first, int64_t &last);
  std::optional<std::vector<Run>> confirm(const std::vector<Run> &shapes, size_t depth);
  std::optional<Formula> formula(const std::vector<std::vector<Run>> &runs, size_t piece,
                                 size_t index);
  bool holds(const Piece &piece, size_t index);
};
} // namespace

/// Moves `last` on while the line holds, then refits it to the whole range.
void Recogniser::extend(Line &line, const Column &column, double reference, int64_t first,
                        int64_t &last) {
  int64_t end = column.last();
  while (last < end && line.matches(column.at(last + 1), last + 1, reference))
    ++last;
  Line refined = line;
  if (solve(refined, column, first, last) && refined.holds(column, first, last, reference))
    line = std::move(refined);
}

/// A line that holds from `first` on as far as possible, at the deepest table.
std::optional<Line> Recogniser::longestLine(size_t index, int64_t first, int64_t &last) {
  Column column = samples.column(index, samples.depths.size() - 1);
  double reference = samples.references[index];
  for (auto *find : {findSimpleLine, findSumLine})
    for (int64_t length = column.last() - first + 1; length >= 1; length /= 2) {
      last = first + length - 1;
      if (std::optional<Line> line = find(column, first, last, reference, cache)) {
        extend(*line, column, reference, first, last);
        return line;
      }
    }
  return std::nullopt;
}

Run Recogniser::nextRun(int64_t first) {
  if (first < 1)
    return {first, first, {}};
  Run run;
  run.first = first;
  run.last = samples.lastLayer(samples.depths.size() - 1);
  for (size_t index = 0; index < samples.references.size(); ++index) {
    int64_t last = 0;
    std::optional<Line> line = longestLine(index, first, last);
    if (!line)
      return {first, first, {}};
    run.last = std::min(run.last, last);
    run.lines.push_back(std::move(*line));
  }
  return run;
}

std::optional<std::vector<Run>> Recogniser::search() {
  std::vector<Run> runs;
  size_t singles = 0;
  int64_t end = samples.lastLayer(samples.depths.size() - 1);
  for (int64_t first = 1 - samples.lead; first <= end; first = runs.back().last + 1) {
    if (runs.size() == maximumPieces || singles > maximumSingles)
      return std::nullopt;
    runs.push_back(nextRun(first));
    singles = first >= 1 && runs.back().lines.empty() ? singles + 1 : 0;
  }
  return runs;
}

/// The same shape at another depth, from `first` on as far as possible.
bool Recogniser::follow(Line &line, size_t index, size_t depth, int64_t first, int64_t &last) {
  Column column = samples.column(index, depth);
  double reference = samples.references[index];
  for (int64_t length = column.last() - first + 1; length >= 1; length /= 2) {
    last = first + length - 1;
    if (solve(line, column, first, last) && line.holds(column, first, last, reference)) {
      extend(line, column, reference, first, last);
      return true;
    }
  }
  return false;
}

std::optional<std::vector<Run>> Recogniser::confirm(const std::vector<Run> &shapes, size_t depth) {
  std::vector<Run> runs;
  int64_t first = 1 - samples.lead, end = samples.lastLayer(depth);
  for (const Run &shape : shapes) {
    if (first > end)
      return std::nullopt;
    Run run{first, shape.lines.empty() ? first : end, shape.lines};
    for (size_t index = 0; index < run.lines.size(); ++index) {
      int64_t last = 0;
      if (!follow(run.lines[index], index, depth, first, last))
        return std::nullopt;
      run.last = std::min(run.last, last);
    }
    first = run.last + 1;
    runs.push_back(std::move(run));
  }
  return first == end + 1 ? std::optional(std::move(runs)) : std::nullopt;
}

/// One formula for a column of a piece, from its lines (or its single entries) at all depths.
std::optional<Formula> Recogniser::formula(const std::vector<std::vector<Run>> &runs, size_t piece,
                                           size_t index) {
  bool isSingle = runs.back()[piece].lines.empty();
  Formula result;
  Column deepest = samples.column(index, runs.size() - 1);
  result.offset = offsetFor(deepest.at(runs.back()[piece].first), samples.references[index]);
  std::vector<double> powers = {0};
  if (!isSingle) {
    const Line &line = runs.back()[piece].lines[index];
    result.offset = line.offset;
    result.root = line.root;
    powers = line.powers;
  }
  for (size_t part = 0; part < powers.size(); ++part) {
    std::vector<double> values;
    for (size_t depth = 0; depth < runs.size(); ++depth) {
      const Run &run = runs[depth][piece];
      values.push_back(isSingle ? samples.column(index, depth).at(run.first) - result.offset
                                : run.lines[index].coefficients[part]);
    }
    if (std::all_of(values.begin(), values.end(), [](double value) { return value == 0; }))
      continue;
    std::optional<DepthPart> fitted = fitDepths(samples.depths, values);
    if (!fitted && result.offset != 0 && powers == std::vector<double>{0}) {
      // (1 - 1/N)^(1/2) is a formula, its distance from 1 is not.
      for (double &value : values)
        value += result.offset;
      result.offset = 0;
      fitted = fitDepths(samples.depths, values);
    }
    if (!fitted)
      return std::nullopt;
    result.parts.push_back({powers[part], std::move(*fitted)});
  }
  return result;
}

/// The formula of one column against every entry of its piece.
bool Recogniser::holds(const Piece &piece, size_t index) {
  const Formula &formula = piece.columns[index];
  std::vector<double> powers;
  for (const Formula::Part &part : formula.parts)
    powers.push_back(part.power);
  Line line = makeLine(formula.offset, formula.root, std::move(powers), cache);
  for (size_t depth = 0; depth < samples.depths.size(); ++depth) {
    for (size_t part = 0; part < formula.parts.size(); ++part)
      line.coefficients[part] = formula.parts[part].depth.at(samples.depths[depth]);
    if (!line.holds(samples.column(index, depth), piece.first[depth], piece.last[depth],
                    samples.references[index]))
      return false;
  }
  return true;
}

std::optional<std::vector<Piece>> recognisePieces(const Samples &samples) {
  Recogniser recogniser(samples);
  std::optional<std::vector<Run>> shapes = recogniser.search();
  if (!shapes)
    return std::nullopt;
  std::vector<std::vector<Run>> runs;
  for (size_t depth = 0; depth + 1 < samples.depths.size(); ++depth) {
    std::optional<std::vector<Run>> confirmed = recogniser.confirm(*shapes, depth);
    if (!confirmed)
      return std::nullopt;
    runs.push_back(std::move(*confirmed));
  }
  runs.push_back(std::move(*shapes));
  std::vector<Piece> pieces(runs.back().size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (const std::vector<Run> &run : runs) {
      pieces[i].first.push_back(run[i].first);
      pieces[i].last.push_back(run[i].last);
    }
    for (size_t index = 0; index < samples.references.size(); ++index) {
      std::optional<Formula> formula = recogniser.formula(runs, i, index);
      if (!formula)
        return std::nullopt;
      pieces[i].columns.push_back(std::move(*formula));
      if (!recogniser.holds(pieces[i], index))
        return std::nullopt;
    }
  }
  return pieces;
}

/// The piece a layer lies in for sure at any depth; null near a border or where a border is not a
/// line.
static const Piece *pieceOf(const Samples &samples, const std::vector<Piece> &pieces, int64_t depth,
                            int64_t layer) {
  const Piece *result = nullptr;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i == 0) {
      result = &pieces[0];
      continue;
    }
    std::optional<std::pair<double, double>> border = borderLine(pieces[i].first, samples.depths);
    if (!border)
      return layer < pieces[i].first.front() ? result : nullptr;
    double start = border->first * depth + border->second;
    double unsure = pieces[i].hasFixedStart()
                        ? 0
                        : 2 + 2.0 * depth / samples.depths.front() * (border->first != 1);
    if (layer < start - unsure)
      return result;
    if (layer < start + unsure)
      return nullptr;
    result = &pieces[i];
  }
  return result;
}

bool agrees(const Samples &samples, const std::vector<Piece> &pieces, int64_t depth, int64_t layer,
            const std::vector<double> &entries) {
  const Piece *piece = pieceOf(samples, pieces, depth, layer);
  if (!piece)
    return true;
  for (size_t index = 0; index < entries.size(); ++index) {
    const Formula &formula = piece->columns[index];
    double expected = formula.at(static_cast<double>(layer), static_cast<double>(depth));
    // At depths of 10^9 the coefficients' own rounding is multiplied by powers of the depth.
    double slack = 100 * entrySlack(entries[index], samples.references[index], formula.offset);
    if (!(std::abs(expected - entries[index]) <= slack))
      return false;
  }
  return true;
}

} // namespace mlir::lnx::stability::fitted
