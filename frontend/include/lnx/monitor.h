// monitor.h: the verifier beside a training run: how large the streams of a session's model can be
// with the parameters it has now.
//
//   Result<StreamMonitor> monitor = StreamMonitor::create(session);
//   if (!monitor)
//     return monitor.error(); // why this model has no bound
//   Result<double> loss = session.gradient({tokens, targets, 8, 32});
//   bool holds = session.hiddenStatistics()[0].meanAbs <= monitor->bounds()[0] * (1 + 1e-5);
//
// Sees no LLVM. Nothing is thrown; what can fail returns a Result that says why.
#ifndef LNX_MONITOR_H
#define LNX_MONITOR_H

#include "lnx/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace lnx {

class StreamMonitor {
public:
  /// Of the specification that the session's program carries; the session outlives it and stays
  /// where it is. The error says why this model has no bound. `threads` measure parameters; 0: as
  /// many as the machine has.
  static Result<StreamMonitor> create(Session &session, int threads = 0);

  /// Upper bounds of mean |x| in the order of Session::hiddenStatistics, for the parameters of this
  /// moment, so between `gradient` and `update`; infinity where none is known. Promises of the
  /// model are not used: every number is measured (S47, S59..S66). Of a GPU only the parameters
  /// that are measured are copied.
  std::vector<double> bounds() const;
  /// Laws that the bounds may rest on; they are trusted.
  const std::vector<std::string> &laws() const;

private:
  struct State;
  explicit StreamMonitor(std::shared_ptr<const State> state) : state(std::move(state)) {}
  std::shared_ptr<const State> state;
};

} // namespace lnx

#endif
