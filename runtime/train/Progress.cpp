// Progress.cpp: step lines, the live line, and the closing summary.
// Writes are unchecked on purpose: a closed stream changes nothing about a run.
#include "lnx/train/progress.h"
#include "lnx/train/metrics.h"

#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <numbers>
#include <unistd.h>

namespace lnx {

ProgressOptions progressFor(std::FILE *stream) {
  const char *term = std::getenv("TERM"), *plain = std::getenv("NO_COLOR");
  ProgressOptions options;
  options.live = ::isatty(::fileno(stream)) && !(term && std::string_view(term) == "dumb");
  options.colour = options.live && !(plain && *plain);
  return options;
}

std::string withThousands(int64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > (number < 0 ? 4u : 3u); digits.insert(at, ","))
    at -= 3;
  return digits;
}

std::string clockTime(double seconds) {
  int64_t all = std::isfinite(seconds) ? std::llround(seconds) : 0;
  if (all >= 3600)
    return fmt::format("{}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60);
  return fmt::format("{}:{:02}", all / 60, all % 60);
}

static std::string zScore(std::optional<double> z, Colour colour) {
  if (!z)
    return "";
  std::string text = fmt::format(" ({:+.1f}z)", *z);
  // Three standard deviations are where llm.c starts to call a value an outlier.
  return colour == Colour::on && std::abs(*z) >= 3 ? "\x1b[33m" + text + "\x1b[0m" : text;
}

static double bitsPerByte(double loss, double bytesPerToken) {
  return loss / std::numbers::ln2 / bytesPerToken;
}

// The mean |x| of the hidden states that is closest to its bound; without bounds the largest.
static std::string hiddenPart(const StepReport &report) {
  if (auto closest = closestToBound(report))
    return fmt::format("hid {:.3g} <= {:.3g} in layer {} | ", closest->meanAbs, closest->bound,
                       closest->layer);
  double largest = 0;
  for (const StreamSize &one : report.hidden)
    largest = one.meanAbs > largest || std::isnan(one.meanAbs) ? one.meanAbs : largest;
  return report.hidden.empty() ? "" : fmt::format("hid {:.3g} | ", largest);
}

std::string stepLine(const StepReport &report, Colour colour) {
  return fmt::format(
      "step {}/{} | loss {:.4f}{} | norm {:.2f}{} | lr {:.1e} | {:.1f} ms | {} tok/s | "
      "{}ETA {}",
      report.step, report.steps, report.loss, zScore(report.lossZ, colour), report.gradientNorm,
      zScore(report.normZ, colour), report.rate, 1e3 * report.seconds,
      withThousands(std::llround(report.tokensPerSecond)), hiddenPart(report),
      clockTime(report.secondsLeft));
}

void Progress::keep(const std::string &line) {
  std::fprintf(stream, "%s%s%s\n", open ? "\r\x1b[K" : "", options.prefix.c_str(), line.c_str());
  open = false;
}

void Progress::show(const StepReport &report) {
  Colour colour = options.colour ? Colour::on : Colour::off;
  std::string line = stepLine(report, colour);
  bool kept = report.step % options.every == 0 || report.step == report.steps || report.step == 1 ||
              !report.finite;
  if (kept) {
    keep(line);
  } else if (options.live) {
    std::fprintf(stream, "\r\x1b[K%s%s", options.prefix.c_str(), line.c_str());
    open = true;
  }
  if (auto excess = largestExcess(report)) {
    std::string warning =
        fmt::format("warning: step {}: mean |x| after layer {} is {:.7g}, its bound is {:.7g}",
                    report.step, excess->layer, excess->meanAbs, excess->bound);
    keep(colour == Colour::on ? "\x1b[31m" + warning + "\x1b[0m" : warning);
    keep(
        "  this model's equations do not allow it: the arithmetic, the verifier or a law is wrong");
  }
  if (report.heldOutLoss) {
    std::string held =
        fmt::format("step {}/{} | val_loss {:.4f}", report.step, report.steps, *report.heldOutLoss);
    if (options.bytesPerToken > 0)
      held +=
          fmt::format(" | val_bpb {:.4f}", bitsPerByte(*report.heldOutLoss, options.bytesPerToken));
    keep(colour == Colour::on ? "\x1b[1m" + held + "\x1b[0m" : held);
  }
  std::fflush(stream);
}

void Progress::finish() {
  if (open)
    std::fprintf(stream, "\r\x1b[K");
  open = false;
  std::fflush(stream);
}

std::string summaryLines(const TrainSummary &summary, double bytesPerToken) {
  std::string lines;
  if (summary.heldOutLoss) {
    lines += fmt::format("val_loss: {:.4f}\n", *summary.heldOutLoss);
    if (bytesPerToken > 0)
      lines += fmt::format("val_bpb: {:.4f}\n", bitsPerByte(*summary.heldOutLoss, bytesPerToken));
  }
  lines +=
      fmt::format("diverged: {}\ntok_per_s: {:.0f}\npeak_memory: {} bytes\nbitwise_id: {:016x}\n",
                  summary.outcome == Outcome::unstable ? "yes" : "no", summary.tokensPerSecond,
                  withThousands(static_cast<int64_t>(summary.peakMemory)), summary.parameterHash);
  return lines;
}

std::string summaryJson(const TrainSummary &summary, double bytesPerToken) {
  std::string text =
      fmt::format(R"({{"steps":{},"loss":{})", summary.steps, shortest(summary.lastLoss));
  if (summary.heldOutLoss) {
    text += fmt::format(R"(,"val_loss":{})", shortest(*summary.heldOutLoss));
    if (bytesPerToken > 0)
      text += fmt::format(R"(,"val_bpb":{})",
                          shortest(bitsPerByte(*summary.heldOutLoss, bytesPerToken)));
  }
  return text +
         fmt::format(R"(,"diverged":{},"tok_per_s":{},"peak_memory":{},"bitwise_id":"{:016x}"}})",
                     summary.outcome == Outcome::unstable, shortest(summary.tokensPerSecond),
                     summary.peakMemory, summary.parameterHash);
}

} // namespace lnx
