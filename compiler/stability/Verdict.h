// Verdict: what the verifier says about one property, with everything it rests on.
// Every property returns these; the report prints them. Claims S2, S3 and S109.
#ifndef LNX_COMPILER_STABILITY_VERDICT_H
#define LNX_COMPILER_STABILITY_VERDICT_H

#include "compiler/stability/Witness.h"
#include "mlir/IR/Location.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::lnx::stability {

/// The five words (S2). PROVED needs a derivation, REFUTED a concrete witness.
enum class Word { proved, refuted, unknown, predictedOk, predictedBad };
/// What a verdict quantifies over (section 1).
enum class Basis { worstCase, trajectory, optimum, paperModel, initMeanField, heuristic };

llvm::StringRef spelling(Word word);   ///< "PROVED", ...
llvm::StringRef spelling(Basis basis); ///< "worst_case", ...

/// A sentence of the report that points at the model's source.
struct Remark {
  std::string text;
  std::optional<Location> where;
};

/// A change of the model's text, and what is said of the changed text (S109).
struct Fix {
  std::string file;
  int64_t line = 1;          ///< the first line of `before`
  std::string before, after; ///< whole lines, joined by line feeds
  Word word = Word::unknown; ///< PROVED or PREDICTED_OK
  std::optional<double> number;
  std::string growth;
  std::vector<std::string> lost; ///< properties that then hold no longer
};

struct Verdict {
  std::string property; ///< "forward.growth"
  Word word = Word::unknown;
  Basis basis = Basis::worstCase;
  std::string formula;          ///< "r0 + sum_k |dt_k| G_k"; empty where there is none
  std::optional<double> number; ///< the formula's value at this depth, rounded outward (S14)
  std::string growth; ///< class in depth: "linear", "power(1/2)", ...; empty where there is none
  std::string lowerGrowth;              ///< class of the witness, where one exists
  std::string paperClass;               ///< what a paper's theorem says, quoted (S58)
  std::string claim;                    ///< "S59"
  std::vector<std::string> assumptions; ///< as the user wrote them, "norm.gain <= 1.5"; laws as
                                        ///< "law size <= 3 of 'clamp'"
  std::vector<std::string>
      missing;                  ///< assumptions that would help: "assume spectral(attn.o.W) <= ..."
  std::vector<Remark> culprits; ///< lines that cause it; the first is shown with a caret
  std::optional<Fix> fix; ///< the cheapest single change that flips the verdict, where one is known
  int64_t tried = 0;      ///< changes that were tried to find it
  std::vector<std::string> details; ///< one fact a line
  std::optional<Witness> witness;   ///< evaluated; with VerifyOptions::witnesses, of REFUTED only
  std::string witnessFile;          ///< where it was written; empty: nowhere
  std::vector<double> profile;      ///< one number for each layer, mean-field tier only
};

} // namespace mlir::lnx::stability

#endif
