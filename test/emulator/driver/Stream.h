// Stream: in-order queues of work that run late, events between them, capture into graphs.
// Work runs only when somebody waits for it: a missing synchronisation then reads old bytes.
#ifndef LNX_TEST_EMULATOR_DRIVER_STREAM_H
#define LNX_TEST_EMULATOR_DRIVER_STREAM_H

#include "emulator/driver/Cuda.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace emulator {

// One piece of work; it does nothing once the device has failed.
using Work = std::function<void()>;

// What a capture has recorded so far. A graph is this list.
struct Capture {
  CUstream origin = nullptr;
  int mode = 0;
  bool invalid = false;
  std::vector<Work> works;
  struct Joined {
    CUstream stream;
    size_t last = 0;   // works recorded when the stream added its last one
    size_t joined = 0; // works the origin has waited for
  };
  std::vector<Joined> others;
};

} // namespace emulator

struct CUstream_st {
  bool blocking = true; // waits for the default stream, and the default stream for it
  std::deque<emulator::Work> queue;
  uint64_t issued = 0, done = 0;
  std::shared_ptr<emulator::Capture> capture;
};

struct CUevent_st {
  CUstream stream = nullptr; // null: never recorded, or recorded on the default stream
  uint64_t position = 0;     // works of the stream before it
  bool recorded = false;
  std::shared_ptr<emulator::Capture> capture;
  size_t captured = 0;            // works of the capture before it
  std::shared_ptr<uint64_t> time; // of the streams' clock, when it was reached
};

struct CUgraph_st {
  std::vector<emulator::Work> works;
};
struct CUgraphExec_st {
  std::vector<emulator::Work> works;
};

namespace emulator {

// All streams of the process; the default stream is the null handle.
class Streams {
public:
  CUstream create(bool blocking);
  bool destroy(CUstream stream); // finishes its work first
  bool exists(CUstream stream) const;

  // Adds work to a stream: to its capture, to its queue, or, on the default stream, runs it after
  // all blocking streams.
  void add(CUstream stream, Work work);
  // Runs what the stream holds up to `position` works since its creation.
  void runTo(CUstream stream, uint64_t position);
  void finish(CUstream stream);
  void finishAll();
  bool idle(CUstream stream) const;

  void record(CUevent event, CUstream stream);
  void wait(CUstream stream, CUevent event);
  bool complete(CUevent event) const;
  void finish(CUevent event);

  CUresult beginCapture(CUstream stream, int mode);
  CUresult endCapture(CUstream stream, CUgraph *graph);
  // Time of the device in nanoseconds, moved on by the work itself: the same in every run.
  uint64_t clock = 0;

  // A call that a capture forbids: it spoils every capture whose mode is not relaxed.
  bool spoilCaptures();

private:
  std::vector<std::unique_ptr<CUstream_st>> streams;
};

} // namespace emulator

#endif
