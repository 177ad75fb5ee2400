// Stream: queues, events, captures.
// A wait runs the other stream up to the event; work was always issued before what waits for it.
#include "emulator/driver/Stream.h"

#include <algorithm>

using namespace emulator;

CUstream Streams::create(bool blocking) {
  streams.push_back(std::make_unique<CUstream_st>());
  streams.back()->blocking = blocking;
  return streams.back().get();
}

bool Streams::exists(CUstream stream) const {
  return !stream || std::any_of(streams.begin(), streams.end(),
                                [&](const auto &s) { return s.get() == stream; });
}

bool Streams::destroy(CUstream stream) {
  if (!stream || !exists(stream))
    return false;
  finish(stream);
  std::erase_if(streams, [&](const auto &s) { return s.get() == stream; });
  return true;
}

void Streams::add(CUstream stream, Work work) {
  if (!stream) {
    for (const auto &s : streams)
      if (s->blocking)
        finish(s.get());
    return work();
  }
  if (stream->capture) {
    Capture &c = *stream->capture;
    c.works.push_back(std::move(work));
    for (Capture::Joined &other : c.others)
      if (other.stream == stream)
        other.last = c.works.size();
    return;
  }
  stream->queue.push_back(std::move(work));
  stream->issued += 1;
}

void Streams::runTo(CUstream stream, uint64_t position) {
  while (stream->done < position && !stream->queue.empty()) {
    Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    stream->done += 1; // before it runs: it may wait for an event of its own stream
    work();
  }
}

void Streams::finish(CUstream stream) {
  if (!stream)
    return finishAll();
  runTo(stream, stream->issued);
}

void Streams::finishAll() {
  for (const auto &s : streams)
    runTo(s.get(), s->issued);
}

bool Streams::idle(CUstream stream) const {
  if (stream)
    return stream->queue.empty();
  return std::all_of(streams.begin(), streams.end(),
                     [](const auto &s) { return s->queue.empty(); });
}

void Streams::record(CUevent event, CUstream stream) {
  event->recorded = true;
  event->stream = stream;
  event->capture = stream ? stream->capture : nullptr;
  if (event->capture) {
    event->captured = event->capture->works.size();
    return;
  }
  event->time = std::make_shared<uint64_t>();
  add(stream, [this, time = event->time] { *time = clock; });
  event->position = stream ? stream->issued : 0;
}

void Streams::wait(CUstream stream, CUevent event) {
  if (event->capture) {
    // Inside a capture a wait is an edge: the list keeps the order of the calls anyway.
    if (!stream || stream->capture == event->capture) {
      for (Capture::Joined &other : event->capture->others)
        if (other.stream == event->stream && stream == event->capture->origin)
          other.joined = event->captured;
      return;
    }
    stream->capture = event->capture;
    event->capture->others.push_back({stream, 0, 0});
    return;
  }
  if (!event->recorded || !event->stream)
    return; // nothing to wait for, or already done
  CUstream other = event->stream;
  uint64_t position = event->position;
  add(stream, [this, other, position] {
    if (exists(other))
      runTo(other, position);
  });
}

bool Streams::complete(CUevent event) const {
  return !event->recorded || !event->stream || !exists(event->stream) ||
         event->stream->done >= event->position;
}

void Streams::finish(CUevent event) {
  if (!complete(event))
    runTo(event->stream, event->position);
}

CUresult Streams::beginCapture(CUstream stream, int mode) {
  if (!stream || stream->capture)
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  return CUDA_SUCCESS;
}

CUresult Streams::endCapture(CUstream stream, CUgraph *graph) {
  *graph = nullptr;
  if (!stream || !stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin != stream)
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  bool unjoined = false;
  stream->capture = nullptr;
  for (const Capture::Joined &other : capture->others) {
    unjoined |= other.joined < other.last;
    if (exists(other.stream))
      other.stream->capture = nullptr;
  }
  if (capture->invalid)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (unjoined)
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  *graph = new CUgraph_st{std::move(capture->works)};
  return CUDA_SUCCESS;
}

bool Streams::spoilCaptures() {
  bool spoilt = false;
  for (const auto &s : streams)
    if (s->capture && s->capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED)
      spoilt = s->capture->invalid = true;
  return spoilt;
}
