// Witness: weights and an input inside the declared set that violate a property (4.7, claim S2).
// Complete: together with the model it can be evaluated again, by anybody.
#ifndef LNX_COMPILER_STABILITY_WITNESS_H
#define LNX_COMPILER_STABILITY_WITNESS_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mlir::lnx::stability {

/// A vector of n numbers: 1 1 1 ..., or 1 -1 1 -1 ... (mean 0, a last odd one is 0), or 1 0 0 ...
enum class Direction { ones, alternating, first };

/// An array of numbers, said instead of listed. Arrays of other ranks than 2 are matrices of one
/// row for each of their leading entries; a vector is one row.
struct Fill {
  enum class Kind {
    constant, ///< value everywhere
    outer,    ///< value * left right^T
    diagonal, ///< value where row and column are equal, else 0
    initial,  ///< value times what the model's own initial law draws with this seed
    normal    ///< value times standard normal numbers of this seed
  };
  Kind kind = Kind::constant;
  double value = 0;
  Direction left = Direction::ones, right = Direction::ones;
  int64_t seed = 0;

  bool operator==(const Fill &) const = default;
};

/// The value of one parameter in layers first..last (as the model counts them); 0..0 outside
/// layers.
struct ParameterValue {
  std::string path;
  int64_t first = 0, last = 0;
  Fill fill;

  bool operator==(const ParameterValue &) const = default;
};

/// What is measured.
enum class Measure {
  meanAbs,      ///< mean |entry| of the stream behind a step
  variance,     ///< variance of its entries
  largestEntry, ///< its largest |entry|
  score,        ///< largest |score| of an attention
  update,       ///< how much larger an update gets when its last matrix gets 10 times as large
  stream, ///< |P(x) - P(x/2)| / |P(x)| of a step x <- P(x) at zero weights; 1/2 if x is a summand
  depths, ///< U of S90 at N, 2N and 4N layers
  growth, ///< mean |entry| of the last stream at N and 2N layers
  spread  ///< |f(x) - f(y)| / |x - y| of the last and the first stream, x and y one token each
};

struct Witness {
  std::string property, claim;
  // The model it is about.
  std::string file, model;
  std::vector<std::pair<std::string, std::string>> settings;
  std::string hash; ///< of its equations, without what is assumed about them
  // Weights and input.
  std::vector<ParameterValue> parameters; ///< all of them; later ones win
  std::vector<int64_t> tokens;            ///< of every input
  // What is claimed.
  Measure measure = Measure::meanAbs;
  int64_t step = 0;  ///< which of the model's steps, in the order of its text; of its attentions
  int64_t layer = 0; ///< as the model counts them; 0 outside layers
  std::string place; ///< of that step: "gpt2.lnx:3:5"
  std::string parameter; ///< the one that was scaled
  std::vector<std::pair<int64_t, double>> depths;
  double limit = 0; ///< what the property would not let it exceed (`stream`: fall below)
  double measured = 0;

  bool operator==(const Witness &) const = default;
};

/// Whether `measured` is what the property rules out.
bool isViolation(const Witness &witness);
/// "with 'attn.o.W' of layer 1 ...: mean |x| is 8.4e+06, above 1e+06".
std::string describe(const Witness &witness);

} // namespace mlir::lnx::stability

#endif
