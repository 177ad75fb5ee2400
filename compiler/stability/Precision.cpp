// Precision: whether the stream fits the formats a device may keep it in (5.12, S98).
#include "compiler/stability/Subject.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

void stability::overflow(Subject &subject, std::vector<Verdict> &verdicts) {
  const Analysis &analysis = subject.declared;
  if (analysis.chains.empty())
    return;
  Verdict verdict;
  verdict.property = "precision.overflow";
  verdict.claim = "S98";
  verdict.formula = "max |x| < largest number of the format";
  double peak = 0;
  bool isStartKnown = true;
  for (size_t chain = 0; chain < analysis.chains.size(); ++chain) {
    peak = std::max(peak, analysis.evaluate(static_cast<int>(chain), /*ofPeak=*/true));
    isStartKnown &= analysis.chains[chain].r0.has_value();
  }
  static constexpr std::pair<const char *, double> formats[] = {
      {"fp16", 65504}, {"bf16", 3.3895313892515355e38}, {"e4m3", 448}, {"e5m2", 57344}};
  if (std::isfinite(peak)) {
    verdict.number = peak;
    for (auto [name, largest] : formats)
      verdict.details.push_back(
          std::string(name) + (peak < largest ? ": fits, " : ": may overflow, ") +
          printNumber(peak) + (peak < largest ? " < " : " >= ") + printNumber(largest));
    verdict.word = peak < formats[0].second ? Word::proved : Word::unknown;
  } else if (subject.witness(analysis)) {
    verdict.word = Word::refuted;
  }
  subject.explain(verdict, analysis);
  if (verdict.word == Word::proved)
    for (const Chain &chain : analysis.chains)
      subject.addStart(verdict, chain);
  if (!isStartKnown)
    verdict.missing.push_back("assume x0.rms <= ...");
  verdicts.push_back(std::move(verdict));
}
