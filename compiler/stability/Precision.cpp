// Precision: whether the stream fits the formats a device may keep it in (S98), and whether updates
// survive being added to it there (S99).
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
    peak = std::max(peak, analysis.largest(static_cast<int>(chain), /*ofPeak=*/true));
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
  } else if (subject.carrier(analysis)) {
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

// An update below half a unit in the last place of the stream is rounded away, entry by entry.
void stability::absorption(Subject &subject, std::vector<Verdict> &verdicts) {
  constexpr double bf16 = 0x1p-9, fp16 = 0x1p-12;
  const InitPrediction &init = subject.init();
  Verdict verdict;
  verdict.property = "precision.absorption";
  verdict.basis = Basis::initMeanField;
  verdict.claim = "S99";
  verdict.formula = "min_k dt rms(u_k)/rms(x_k)";
  if (!init.profile) {
    verdict.culprits = {init.reading.obstacle};
    verdicts.push_back(std::move(verdict));
    return;
  }
  double smallest = INFINITY;
  size_t where = 0;
  for (double moved : init.profile->profile.effectiveness) {
    size_t step = verdict.profile.size();
    verdict.profile.push_back(std::sqrt(moved));
    if (moved > 0 && std::sqrt(moved) < smallest) { // nothing is lost of an update that is zero
      smallest = std::sqrt(moved);
      where = step;
    }
  }
  if (init.profile->evaluated != init.profile->depth)
    verdict.details.push_back("of " + std::to_string(init.profile->evaluated) + " layers");
  verdict.word = smallest < bf16 ? Word::predictedBad : Word::predictedOk;
  if (std::isfinite(smallest)) {
    verdict.number = smallest;
    for (auto [name, lost] : {std::pair("bf16", bf16), {"fp16", fp16}})
      verdict.details.push_back(std::string(name) + (smallest < lost ? ": lost, " : ": kept, ") +
                                printNumber(smallest) + (smallest < lost ? " < " : " >= ") +
                                printNumber(lost));
    verdict.details.push_back("the smallest is in layer " +
                              std::to_string(init.profile->model.layerOfStep[where]));
  } else {
    verdict.details.push_back("every update is zero at initialisation");
  }
  if (verdict.word == Word::predictedBad) {
    StepOp step = init.reading.steps[where];
    verdict.culprits.push_back({"this update is lost in a bf16 stream", step.getLoc()});
    verdict.details.push_back("a stream kept in fp32 loses nothing");
  }
  verdicts.push_back(std::move(verdict));
}
