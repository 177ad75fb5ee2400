// Document: a certificate as it is in the file, types and references checked, nothing believed yet.
// docs/certificate.schema.json describes the file.
#ifndef LNX_COMPILER_CERTIFY_DOCUMENT_H
#define LNX_COMPILER_CERTIFY_DOCUMENT_H

#include "compiler/certify/Bounds.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace lnx::certify {

/// One operation of the model, or a piece of its frame; it has one value, named by its place.
struct Step {
  std::string op;
  std::vector<int64_t> of;            ///< places of its operands, all before it
  std::vector<int64_t> shape;         ///< of features
  bool hasRows = false;               ///< one such tensor for each token
  std::map<std::string, double> with; ///< attributes
  std::string path;                   ///< of a parameter
  std::string from, to; ///< of a repeat: first and last layer at every depth N; empty: as here
  std::optional<Series> values; ///< of a constant or a table: by layer
  std::string schedule;         ///< of a table, of `start`: what it is at every depth N
  std::optional<double> start;  ///< of a parameter: its largest |entry| before training

  int64_t count() const;
  int64_t last() const { return shape.empty() ? 1 : shape.back(); }
  std::optional<double> number(const std::string &name) const;
};

/// An assumption of the model.
struct Axiom {
  std::string form, path;
  std::optional<Series> bound;
  std::map<std::string, double> with; ///< settings of an optimizer
  int64_t first = 0, last = 0;        ///< it speaks about the steps from first to last
};

enum Kind { rms, part, across, peak, kinds };
/// "rms", ...: what a bound is of. rms: of a token over its features; part: the same over blocks of
/// neighbours; across: of entries that come from different tokens (S42); peak: largest |entry|.
extern const char *const kindNames[kinds];

/// What is claimed of the value of one step; absent means nothing.
struct Claim {
  int64_t step = 0;
  std::string rule;
  std::array<std::optional<Size>, kinds> bound;
  int64_t block = 0;          ///< `part` is about blocks of so many features
  std::optional<Size> scores; ///< of attention: largest |score|
  // Of a repeat:
  std::optional<double> start, peakStart; ///< size of the stream it starts from
  bool isLargest = false;                 ///< r stands for the largest stream so far in its steps
};

struct Conclusion {
  std::string property;
  std::optional<double> number;
  std::optional<double> factor; ///< the bound is factor times the size of the start, plus number
  std::string growth;           ///< class in depth
};

/// What follows for one choice of weights.
struct Derivation {
  bool isTrajectory = false; ///< weights are those an optimizer reaches (S73..S75)
  std::map<int64_t, Claim> claims;
  std::vector<Conclusion> conclusions;
};

/// A PROVED verdict that this file does not show.
struct NotCertified {
  std::string property, reason;
};

struct Document {
  std::string model;
  int64_t context = 0;
  bool isOneDepth = false; ///< some part of it is known at this depth only
  std::vector<Axiom> axioms;
  std::vector<Step> program;
  std::set<std::string> paths; ///< of its parameters
  std::vector<Derivation> derivations;
  std::vector<NotCertified> notCertified;
  std::string programDigest; ///< SHA-256 of `program`: which model this is about

  /// Refuses, with the place, what is no certificate or has another digest than it says.
  static llvm::Expected<Document> read(llvm::StringRef text);
};

/// An error of one sentence.
llvm::Error refuse(const std::string &sentence);
/// `text` with the digest that belongs to it; for tests of what a digest does not catch.
llvm::Expected<std::string> sealed(llvm::StringRef text);

} // namespace lnx::certify

#endif
