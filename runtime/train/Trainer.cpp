// Trainer.cpp: gradient accumulation, update, schedule, evaluation, and when to stop.
// Relies on the session for everything numeric; no update is made from a non-finite number.
#include "lnx/train/trainer.h"
#include "lnx/train/metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>

namespace lnx {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

static std::optional<Error> usage(std::string message) {
  return Error{std::move(message), Exit::usage};
}

static std::optional<Error> checkCounts(const lnx_program &program, const TrainOptions &options) {
  constexpr int64_t most = 1 << 30;
  for (auto [name, value] : {std::pair<std::string_view, int64_t>{"steps", options.steps},
                             {"batch", options.batch},
                             {"micro-batch", options.microBatch},
                             {"time", options.time}})
    if (value < 1 || value > most)
      return usage(fmt::format("'{}' is {}, it must be between 1 and {}", name, value, most));
  for (auto [name, value] :
       {std::pair<std::string_view, int64_t>{"eval-every", options.evaluateEvery},
        {"eval-windows", options.heldOutWindows}})
    if (value < 0)
      return usage(fmt::format("'{}' is {}, it must be at least 0", name, value));
  if (options.batch % options.microBatch != 0)
    return usage(fmt::format("a batch of {} cannot be split into micro-batches of {}",
                             options.batch, options.microBatch));
  if (program.context > 0 && options.time > program.context)
    return usage(fmt::format("sequences of {} are longer than the model's context of {}",
                             options.time, program.context));
  return std::nullopt;
}

static std::optional<Error> checkRates(const TrainOptions &options) {
  const UpdateOptions &update = options.update;
  for (auto [name, value] : {std::pair<std::string_view, double>{"rate", options.schedule.rate},
                             {"min-rate", options.schedule.minimum},
                             {"warmup", static_cast<double>(options.schedule.warmup)},
                             {"decay", update.decay},
                             {"clip", update.clip},
                             {"epsilon", update.epsilon}})
    if (!std::isfinite(value) || value < 0)
      return usage(
          fmt::format("'{}' is {}, it must be a finite number of at least 0", name, value));
  for (auto [name, value] :
       {std::pair<std::string_view, float>{"beta1", update.beta1}, {"beta2", update.beta2}})
    if (!(value >= 0 && value < 1))
      return usage(fmt::format("'{}' is {}, it must be at least 0 and below 1", name, value));
  return std::nullopt;
}

std::optional<Error> checkTraining(const lnx_program &program, const Tokens &training,
                                   const Tokens *heldOut, const TrainOptions &options) {
  if (auto error = checkCounts(program, options))
    return error;
  if (auto error = checkRates(options))
    return error;
  if (auto error = checkLength(training, options.time, "the training data"))
    return error;
  if (auto error = training.check(program.vocabulary))
    return error;
  if (!heldOut)
    return std::nullopt;
  if (auto error = checkLength(*heldOut, options.time, "the held-out data"))
    return error;
  return heldOut->check(program.vocabulary);
}

Trainer::Trainer(Session &session, const Tokens &training, const Tokens *heldOut,
                 const TrainOptions &options)
    : session(session), training(training), heldOut(heldOut), options(options) {}

// Means over equal micro-batches are means over the step.
void Trainer::addObservations(double share) {
  std::span<const StreamSize> sizes = session.hiddenStatistics();
  hidden.resize(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    hidden[i].layer = sizes[i].layer;
    hidden[i].meanAbs += share * sizes[i].meanAbs;
    hidden[i].mean += share * sizes[i].mean;
    hidden[i].meanSquare += share * sizes[i].meanSquare;
  }
}

// Adds the gradients of all micro-batches of one step; returns the mean loss.
Result<double> Trainer::accumulate(const TrainingWindows &windows, int64_t step) {
  int64_t parts = options.batch / options.microBatch;
  std::ranges::fill(hidden, StreamSize{});
  auto time = static_cast<size_t>(options.time);
  double sum = 0;
  for (int64_t part = 0; part < parts; ++part) {
    for (int64_t i = 0; i < options.microBatch; ++i) {
      size_t row = static_cast<size_t>(i) * time;
      windows.draw(step, part * options.microBatch + i, std::span(ids).subspan(row, time),
                   std::span(targets).subspan(row, time));
    }
    Result<double> loss = session.gradient({ids, targets, options.microBatch, options.time},
                                           1.0 / static_cast<double>(parts));
    if (!loss)
      return loss;
    sum += *loss;
    addObservations(1.0 / static_cast<double>(parts));
  }
  return sum / static_cast<double>(parts);
}

Result<bool> Trainer::step(const TrainingWindows &windows, StepReport &report) {
  Clock::time_point begin = Clock::now();
  Result<double> loss = accumulate(windows, report.step);
  if (!loss)
    return loss.error();
  report.loss = *loss;
  report.hidden = hidden;
  report.gradientNorm = std::nan("");
  report.finite = std::isfinite(*loss);
  // Of the parameters that the gradient was taken at.
  bool isKept =
      report.step == 1 || report.step == report.steps || report.step % options.boundEvery == 0;
  if (options.hiddenBounds && (isKept || !report.finite))
    report.hiddenBounds = options.hiddenBounds();
  if (report.finite) {
    UpdateOptions update = options.update;
    update.rate = static_cast<float>(report.rate);
    Result<UpdateReport> updated = session.update(update);
    if (!updated)
      return updated.error();
    report.gradientNorm = updated->gradientNorm;
    report.finite = updated->finite;
  }
  report.seconds = secondsSince(begin);
  return true;
}

// Numbers that one run gathers over its steps.
struct Trainer::Tally {
  Tally(const TrainOptions &options, int64_t first)
      : options(options), first(first), begin(Clock::now()) {}

  // Completes the report of a step and counts it.
  void add(StepReport &report) {
    trained += report.seconds;
    report.lossZ = losses.add(report.loss);
    report.normZ = norms.add(report.gradientNorm);
    auto tokens = static_cast<double>(options.batch * options.time);
    report.tokensPerSecond = rate.add(tokens / report.seconds);
    auto made = static_cast<double>(report.step - first);
    summary.tokensPerSecond = tokens * made / trained;
    summary.lastLoss = report.loss;
  }

  // Seconds for the steps after `step`, as the ones so far took, evaluation included.
  double secondsLeft(int64_t step) const {
    return secondsSince(begin) / static_cast<double>(step - first) *
           static_cast<double>(options.steps - step);
  }

  const TrainOptions &options;
  int64_t first; // steps made before this run
  Clock::time_point begin;
  SpikeWindow losses, norms;
  SmoothedRate rate;
  double trained = 0; // seconds without evaluation
  TrainSummary summary;
};

Result<TrainSummary> Trainer::run(TrainObserver &observer, const std::atomic<bool> *stop) {
  if (auto error = checkTraining(*session.program(), training, heldOut, options))
    return *error;
  auto rows = static_cast<size_t>(options.microBatch * options.time);
  ids.resize(rows);
  targets.resize(rows);
  Tally tally(options, session.steps());
  if (auto error = loop(tally, observer, stop))
    return *error;
  tally.summary.peakMemory = session.memory().total();
  tally.summary.parameterHash = session.parameterHash();
  return tally.summary;
}

std::optional<Error> Trainer::loop(Tally &tally, TrainObserver &observer,
                                   const std::atomic<bool> *stop) {
  TrainingWindows windows(training, {options.time, options.batch, options.seed});
  for (int64_t number = tally.first + 1; number <= options.steps; ++number) {
    StepReport report;
    report.step = number;
    report.steps = options.steps;
    report.rate = options.schedule.at(number);
    if (Result<bool> made = step(windows, report); !made)
      return made.error();
    tally.add(report);
    if (!report.finite) {
      tally.summary.outcome = Outcome::unstable;
      tally.summary.reason = fmt::format("step {}: {} is not finite; {}", number,
                                         std::isfinite(report.loss) ? "the gradient" : "the loss",
                                         firstBadTensor(session));
      observer.onStep(report);
      return std::nullopt;
    }
    tally.summary.steps = number;
    bool stopping = stop && stop->load(std::memory_order_relaxed);
    bool due = options.evaluateEvery > 0 && number % options.evaluateEvery == 0;
    if (due || stopping || number == options.steps) {
      if (auto error = evaluate(report))
        return error;
      tally.summary.heldOutLoss = report.heldOutLoss;
    }
    report.secondsLeft = tally.secondsLeft(number);
    observer.onStep(report);
    if (stopping && number < options.steps) {
      tally.summary.outcome = Outcome::stopped;
      tally.summary.reason =
          fmt::format("stopped on request after step {} of {}", number, options.steps);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Error> Trainer::evaluate(StepReport &report) {
  if (!heldOut)
    return std::nullopt;
  HeldOutWindows windows(*heldOut, options.time, options.heldOutWindows);
  Result<HeldOutReport> held = evaluateHeldOut(session, windows, options.time, options.microBatch);
  if (!held)
    return held.error();
  report.heldOutLoss = held->loss;
  return std::nullopt;
}

} // namespace lnx
