// ApiStream: streams, events, capture, graphs.
// A graph replays the list that was recorded, as one piece of work of the stream it is launched in.
#include "emulator/driver/Driver.h"

using namespace emulator;

namespace {

CUresult validStream(CUstream stream) {
  if (CUresult r = driver().ready())
    return r;
  return driver().streams.exists(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// A capturing stream cannot be waited for.
CUresult canWait(CUstream stream) {
  if (CUresult r = validStream(stream))
    return r;
  if (stream && stream->capture) {
    stream->capture->invalid = true;
    return driver().refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream is being captured");
  }
  return stream ? CUDA_SUCCESS : driver().readyOutsideCapture();
}

CUresult validEvent(CUevent event) {
  if (CUresult r = driver().ready())
    return r;
  return driver().events.contains(event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

} // namespace

EMULATED CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().ready())
    return r;
  *stream = driver().streams.create(/*blocking=*/(flags & 1) == 0);
  return CUDA_SUCCESS;
}

EMULATED CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int) {
  return cuStreamCreate(stream, flags);
}

EMULATED CUresult cuStreamDestroy_v2(CUstream stream) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().ready())
    return r;
  return driver().streams.destroy(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

EMULATED CUresult cuStreamSynchronize(CUstream stream) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = canWait(stream))
    return r;
  driver().streams.finish(stream);
  return driver().sticky;
}

// Nothing runs behind the caller's back, so a query is where waiting work gets done.
EMULATED CUresult cuStreamQuery(CUstream stream) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = canWait(stream))
    return r;
  bool idle = driver().streams.idle(stream);
  driver().streams.finish(stream);
  return driver().sticky ? driver().sticky : idle ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

EMULATED CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validStream(stream))
    return r;
  if (CUresult r = validEvent(event))
    return r;
  driver().streams.wait(stream, event);
  return driver().sticky;
}

EMULATED CUresult cuEventCreate(CUevent *event, unsigned) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = driver().ready())
    return r;
  auto made = std::make_unique<CUevent_st>();
  *event = made.get();
  driver().events[made.get()] = std::move(made);
  return CUDA_SUCCESS;
}

EMULATED CUresult cuEventDestroy_v2(CUevent event) {
  std::lock_guard lock(driver().mutex);
  if (!driver().events.erase(event))
    return CUDA_ERROR_INVALID_HANDLE;
  return driver().sticky;
}

EMULATED CUresult cuEventRecord(CUevent event, CUstream stream) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validStream(stream))
    return r;
  if (CUresult r = validEvent(event))
    return r;
  driver().streams.record(event, stream);
  return driver().sticky;
}

EMULATED CUresult cuEventSynchronize(CUevent event) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validEvent(event))
    return r;
  if (event->capture)
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  driver().streams.finish(event);
  return driver().sticky;
}

EMULATED CUresult cuEventQuery(CUevent event) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validEvent(event))
    return r;
  bool complete = driver().streams.complete(event);
  driver().streams.finish(event);
  return driver().sticky ? driver().sticky : complete ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

// Of the streams' clock: it says nothing about a device.
EMULATED CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  std::lock_guard lock(driver().mutex);
  if (validEvent(start) || validEvent(end) || !start->time || !end->time)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!driver().streams.complete(start) || !driver().streams.complete(end))
    return CUDA_ERROR_NOT_READY;
  *milliseconds = static_cast<float>(*end->time - *start->time) * 1e-6f;
  return driver().sticky;
}
EMULATED CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime(milliseconds, start, end);
}

EMULATED CUresult cuStreamBeginCapture_v2(CUstream stream, int mode) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validStream(stream))
    return r;
  return driver().streams.beginCapture(stream, mode);
}

EMULATED CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  std::lock_guard lock(driver().mutex);
  if (CUresult r = validStream(stream))
    return r;
  return driver().streams.endCapture(stream, graph);
}

EMULATED CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  std::lock_guard lock(driver().mutex);
  *status = !stream || !stream->capture ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid  ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                        : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return validStream(stream);
}

EMULATED CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                              unsigned long long) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cuGraphInstantiate"] += 1;
  if (!graph)
    return CUDA_ERROR_INVALID_VALUE;
  *exec = new CUgraphExec_st{graph->works};
  return driver().ready();
}

EMULATED CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cuGraphLaunch"] += 1;
  if (CUresult r = validStream(stream))
    return r;
  driver().streams.add(stream, [works = exec->works] {
    for (const Work &work : works)
      work();
  });
  return driver().sticky;
}

EMULATED CUresult cuGraphGetNodes(CUgraph graph, void **nodes, size_t *count) {
  if (nodes)
    return driver().refuse(CUDA_ERROR_NOT_SUPPORTED, "nodes of a graph are only counted");
  *count = graph->works.size();
  return CUDA_SUCCESS;
}

EMULATED CUresult cuGraphDestroy(CUgraph graph) {
  std::lock_guard lock(driver().mutex);
  delete graph;
  return CUDA_SUCCESS;
}

EMULATED CUresult cuGraphExecDestroy(CUgraphExec exec) {
  std::lock_guard lock(driver().mutex);
  driver().streams.finishAll();
  delete exec;
  return CUDA_SUCCESS;
}
