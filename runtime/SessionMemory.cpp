// SessionMemory: reserves everything once; a call copies what the device cannot see.
// A device that shares the host's memory gets the caller's own pointers.
#include "SessionMemory.h"

#include <utility>

using namespace lnx;

Result<SessionMemory> SessionMemory::reserve(std::unique_ptr<Device> device, const Sizes &sizes) {
  SessionMemory memory;
  memory.machine = std::move(device);
  memory.sizes = sizes;
  const bool isShared = memory.machine->sharesMemory();
  const std::pair<void **, std::pair<size_t, const char *>> areas[] = {
      {&memory.state, {sizes.arenas, "parameters, gradients and moments"}},
      {&memory.scratch, {sizes.scratch, "activations of the micro-batch"}},
      {&memory.written, {sizes.results, "logits"}},
      {&memory.tokens, {sizes.ids, "tokens"}},
      {&memory.targets, {sizes.ids, "targets"}},
      {&memory.arguments, {LNX_ARGUMENT_COUNT * sizeof(float), "arguments"}}};
  for (const auto &[place, request] : std::span(areas).first(isShared ? 2 : std::size(areas))) {
    Result<void *> data = memory.machine->reserve(request.first, request.second);
    if (!data)
      return data.error();
    *place = *data;
  }
  const std::pair<Block *, std::pair<size_t, const char *>> blocks[] = {
      {&memory.outcome, {sizes.results, "logits"}},
      {&memory.mirror, {isShared ? 0 : sizes.arenas, "parameters, gradients and moments"}}};
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

std::optional<Error> SessionMemory::fetch() {
  if (machine->sharesMemory() || isLent)
    return std::nullopt;
  return machine->download(mirror.data(), state, sizes.arenas);
}

float *SessionMemory::lendArenas() {
  // A device that cannot be read any more says so at the next call.
  if (!fetch())
    isLent = true;
  return arenas();
}

std::optional<Error> SessionMemory::give() {
  if (machine->sharesMemory() || !std::exchange(isLent, false))
    return std::nullopt;
  return machine->upload(state, mirror.data(), sizes.arenas);
}

std::optional<Error> SessionMemory::run(lnx_entry entry, size_t count, const Call &call) {
  lnx_call request{&machine->calls(),   state,      scratch,   call.tokens.data(),
                   call.targets.data(), call.batch, call.time, call.arguments.data(),
                   outcome.floats()};
  if (machine->sharesMemory())
    return machine->run(entry, request);
  request.tokens = static_cast<const int32_t *>(tokens);
  request.targets = static_cast<const int32_t *>(targets);
  request.arguments = static_cast<const float *>(arguments);
  request.results = static_cast<float *>(written);
  if (auto error = give())
    return error;
  for (auto [to, from] : {std::pair(tokens, call.tokens), {targets, call.targets}})
    if (auto error = machine->upload(to, from.data(), from.size_bytes()))
      return error;
  if (auto error = machine->upload(arguments, call.arguments.data(), sizeof call.arguments))
    return error;
  if (auto error = machine->run(entry, request))
    return error;
  return machine->download(outcome.data(), written, count * sizeof(float));
}

Session::Memory SessionMemory::bytes() const {
  return {sizes.arenas, sizes.scratch, outcome.bytes() + machine->workspaceBytes()};
}
