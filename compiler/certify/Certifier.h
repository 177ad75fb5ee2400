// Certifier: takes a certificate's steps in order, derives each anew, and says which conclusions
// follow. Nothing is believed but the program and its assumptions.
#ifndef LNX_COMPILER_CERTIFY_CERTIFIER_H
#define LNX_COMPILER_CERTIFY_CERTIFIER_H

#include "compiler/certify/Growth.h"
#include "compiler/certify/Rules.h"

namespace lnx::certify {

/// Upper bounds on a stream; infinite where there is none.
struct Stream {
  double size = infinity, largest = infinity;     ///< rms of a token; of the largest stream so far
  double factor = 1, add = 0;                     ///< size <= factor * size of the start + add
  double peak = infinity, largestPeak = infinity; ///< largest |entry|; of all streams so far
};

/// The streams that repeats hand on to each other.
struct Chain {
  Stream now;                  ///< as the last step left it
  int64_t end = -1;            ///< the end of its last repeat
  int64_t width = 0;           ///< features of a token
  bool isEmbedding = true;     ///< starts from parameters and inputs only
  std::optional<Class> growth; ///< of its newest stream in the depth
};

/// One residual step: a stream of size r becomes one of size next(r).
struct Equation {
  Size next = Size::unknown(), nextPeak = Size::unknown();
  Skip skip;
  Series share = 0.0;
  bool isPlain = true;     ///< r is the stream that the step before left
  bool isScaleFree = true; ///< of degree 0 in its last projections (S76)
};

/// The layers of one repeat.
struct Stack {
  int64_t place = 0, chain = 0, first = 1, count = 1;
  bool isLargest = false; ///< r is the largest stream so far
  std::vector<Equation> equations;
  std::vector<double> sizes; ///< of the stream before each step of each layer, where they are few
};

class Certifier {
public:
  Certifier(const Document &document, const Derivation &derivation)
      : document(document), derivation(derivation), values(document.program.size()),
        isHidden(document.program.size()) {}

  /// Derives every step, then every conclusion; refuses the first that does not follow.
  llvm::Error run();

private:
  llvm::Error take(int64_t place);
  llvm::Error takeRepeat(int64_t place);
  llvm::Error takeStep(int64_t place);
  llvm::Error takeEnd(int64_t place);
  llvm::Error takeOther(int64_t place);
  llvm::Error startChain(const Site &site, Chain &chain);
  void openStream(int64_t place);
  bool isEmbedding(int64_t first) const;
  std::optional<Class> growthBehind(const Stack &stack, const Chain &chain) const;
  void advance(const Stack &stack, const Equation &equation, size_t layer, Chain &chain) const;
  Site siteOf(int64_t place) const;
  llvm::Error refuseAt(int64_t place, const std::string &what) const;

  // Conclusions.cpp
  llvm::Error conclude(const Conclusion &conclusion) const;
  llvm::Expected<std::vector<int64_t>> outputs() const;
  llvm::Error concludeBound(const Conclusion &conclusion) const;
  llvm::Expected<double> variance() const;
  double identityPath() const;
  /// And how far above it, of itself, a number may be that was rounded up at each step.
  llvm::Expected<double> sensitivity(double &slack) const;
  llvm::Error concludeSensitivity(const Conclusion &conclusion) const;
  double largestScore() const;
  double largestEntry() const;
  std::optional<Class> growth() const;

  const Document &document;
  const Derivation &derivation;
  std::vector<Value> values;
  std::vector<bool> isHidden; ///< computed in a layer of a repeat that has ended
  std::vector<Stack> stacks;
  std::vector<Chain> chains;
  std::map<int64_t, std::pair<int64_t, Stream>> ends; ///< chain and stream behind each repeat
  std::map<int64_t, int64_t> chainOfScores;           ///< of each attention; -1: in no repeat
  bool isOpen = false;
  int64_t epoch = -1; ///< the step of the newest stream
};

/// The whole of a certificate.
llvm::Error certify(const Document &document);

} // namespace lnx::certify

#endif
