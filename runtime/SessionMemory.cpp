// SessionMemory: reserves everything once; a call copies what the device cannot see.
// A device that shares the host's memory gets the caller's own pointers.
#include "SessionMemory.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace lnx;

Result<SessionMemory> SessionMemory::reserve(std::unique_ptr<Device> device,
                                             const MemoryPlan &plan) {
  SessionMemory memory;
  memory.machine = std::move(device);
  memory.plan = plan;
  const bool isShared = memory.machine->sharesMemory();
  const struct {
    void *&place;
    size_t bytes;
    const char *purpose;
    Content content;
  } areas[] = {
      {memory.state, plan.state(), "parameters, gradients and moments", Content::zeros},
      {memory.scratch, plan.scratch(), "activations of the micro-batch", Content::anything},
      {memory.written, plan.results, "logits", Content::anything},
      {memory.inputs, plan.inputs, "tokens and targets", Content::anything}};
  for (const auto &area : std::span(areas).first(isShared ? 2 : std::size(areas))) {
    Result<void *> data = memory.machine->reserve(area.bytes, area.purpose, area.content);
    if (!data)
      return data.error();
    area.place = *data;
  }
  const std::pair<Block *, std::pair<size_t, const char *>> blocks[] = {
      {&memory.outcome, {plan.results, "logits"}},
      {&memory.prepared, {isShared ? 0 : plan.inputs, "tokens and targets"}},
      {&memory.mirror, {isShared ? 0 : plan.state(), "parameters, gradients and moments"}}};
  for (const auto &[block, request] : blocks) {
    Result<Block> reserved = Block::reserve(request.first, request.second);
    if (!reserved)
      return reserved.error();
    *block = std::move(*reserved);
  }
  return memory;
}

float *SessionMemory::arenas() const {
  return machine->sharesMemory() ? static_cast<float *>(state) : mirror.floats();
}

std::optional<Error> SessionMemory::fetch(Range range) {
  if (machine->sharesMemory() || range.count == 0)
    return std::nullopt;
  bool overlaps = false;
  for (const Range &other : lent) {
    if (other.from <= range.from && range.end() <= other.end())
      return std::nullopt;
    overlaps |= other.from < range.end() && range.from < other.end();
  }
  // What the host has changed must not be overwritten by what the device had before.
  if (overlaps)
    if (auto error = give())
      return error;
  const int64_t from = range.from;
  return machine->download(mirror.floats() + from, static_cast<float *>(state) + from,
                           static_cast<size_t>(range.count) * sizeof(float));
}

void SessionMemory::lend(Range range) {
  const auto contains = [&](const Range &other) {
    return other.from <= range.from && range.end() <= other.end();
  };
  if (!machine->sharesMemory() && std::ranges::none_of(lent, contains))
    lent.push_back(range);
}

std::optional<Error> SessionMemory::give() {
  for (const Range &range : lent)
    if (auto error =
            machine->upload(static_cast<float *>(state) + range.from, mirror.floats() + range.from,
                            static_cast<size_t>(range.count) * sizeof(float)))
      return error;
  return std::nullopt;
}

std::optional<Error> SessionMemory::run(lnx_entry entry, size_t count, const Call &call) {
  lnx_call request{&machine->calls(),   state,      scratch,   call.tokens.data(),
                   call.targets.data(), call.batch, call.time, call.arguments.data(),
                   outcome.floats()};
  if (machine->sharesMemory())
    return machine->run(entry, request);
  if (auto error = give())
    return error;
  lent.clear();
  // The places are the same in every call, and so is the call but for its shape.
  size_t end = 0;
  const auto place = [&](size_t at, auto numbers) {
    if (!numbers.empty()) {
      std::memcpy(static_cast<char *>(prepared.data()) + at, numbers.data(), numbers.size_bytes());
      end = at + numbers.size_bytes();
    }
    return static_cast<const char *>(inputs) + at;
  };
  request.arguments =
      reinterpret_cast<const float *>(place(0, std::span<const float>(call.arguments)));
  request.tokens = reinterpret_cast<const int32_t *>(place(MemoryPlan::argumentBytes, call.tokens));
  request.targets = reinterpret_cast<const int32_t *>(
      place(MemoryPlan::argumentBytes + plan.idBytes(), call.targets));
  request.results = static_cast<float *>(written);
  if (auto error = machine->upload(inputs, prepared.data(), end))
    return error;
  if (auto error = machine->run(entry, request))
    return error;
  return machine->download(outcome.data(), written, count * sizeof(float));
}

Session::Memory SessionMemory::bytes() const {
  return {plan.state(), plan.scratch(), machine->workspaceBytes() + plan.results + plan.inputs};
}
