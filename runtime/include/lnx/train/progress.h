// progress.h: what a person sees while a model trains.
//
//   Progress progress(stderr, progressFor(stderr));
//   progress.show(report); // step 120/600 | loss 2.3145 (+0.4z) | norm 0.83 (-0.1z) | ...
//
// On a terminal one live line and one kept line every N steps; elsewhere plain lines.
#ifndef LNX_TRAIN_PROGRESS_H
#define LNX_TRAIN_PROGRESS_H

#include "lnx/train/trainer.h"

#include <cstdio>

namespace lnx {

struct ProgressOptions {
  int64_t every = 10; // steps between kept lines
  bool live = false;  // rewrite one line in place
  bool colour = false;
  double bytesPerToken = 0; // for val_bpb; 0: not shown
  std::string prefix = {};  // before each line
};

// live and colour as the stream and the environment (NO_COLOR, TERM=dumb) allow.
ProgressOptions progressFor(std::FILE *stream);

class Progress {
public:
  Progress(std::FILE *stream, ProgressOptions options) : stream(stream), options(options) {}
  void show(const StepReport &report);
  // Leaves the cursor on an empty line.
  void finish();

private:
  void keep(const std::string &line);

  std::FILE *stream;
  ProgressOptions options;
  bool open = false; // a live line is on the screen
};

enum class Colour { off, on };

// The step line, without a newline.
std::string stepLine(const StepReport &report, Colour colour = Colour::off);

// The closing lines, `key: value` each; `bytesPerToken` 0 leaves out val_bpb.
std::string summaryLines(const TrainSummary &summary, double bytesPerToken);

// The same as one JSON object.
std::string summaryJson(const TrainSummary &summary, double bytesPerToken);

std::string withThousands(int64_t number); // 24,800
std::string clockTime(double seconds);     // 0:20, 1:02:03

} // namespace lnx

#endif
