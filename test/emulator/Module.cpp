// Module: parse, place the variables, decode every entry.
// Version and target are checked here: the emulator knows sm_90a and what came before it.
#include "emulator/Module.h"

#include "emulator/Decoder.h"
#include "emulator/Parser.h"

using namespace emulator;

namespace {

std::shared_ptr<const std::vector<std::string>> linesOf(std::string_view text) {
  auto lines = std::make_shared<std::vector<std::string>>();
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    size_t first = line.find_first_not_of(" \t");
    lines->emplace_back(first == std::string_view::npos ? "" : line.substr(first));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string checkHeader(const Program &program) {
  if (program.version == 0)
    return "line 1: a PTX file begins with .version";
  if (program.target.empty())
    return "line 1: a PTX file names its .target";
  return "";
}

// Address of a variable of the module with its initial values; 0 where memory is short.
uint64_t place(const Variable &v, GlobalMemory &memory) {
  uint64_t address = memory.allocate(std::max<uint64_t>(v.bytes, 1));
  if (!address)
    return 0;
  std::vector<uint8_t> bytes = v.data;
  bytes.resize(v.bytes);
  // What has no initial value is zero: PTX promises it.
  memory.write(address, bytes.data(), bytes.size());
  if (v.space == Space::Const)
    memory.find(address)->readOnly = true;
  return address;
}

} // namespace

const Kernel *Module::kernel(std::string_view name) const {
  auto it = decoded.find(name);
  return it == decoded.end() ? nullptr : &it->second;
}

const GlobalVariable *Module::variable(std::string_view name) const {
  auto it = variables.find(name);
  return it == variables.end() ? nullptr : &it->second;
}

Loaded emulator::load(std::string_view text, GlobalMemory &memory) {
  Parsed parsed = parse(text);
  if (parsed.error.empty())
    parsed.error = checkHeader(parsed.program);
  if (!parsed.error.empty())
    return {nullptr, parsed.error};
  auto module = std::make_unique<Module>();
  std::map<std::string, uint64_t> globals;
  for (const Variable &v : parsed.program.variables)
    if (v.space == Space::Global || v.space == Space::Const) {
      uint64_t address = place(v, memory);
      if (!address)
        return {nullptr, "line " + std::to_string(v.line) + ": no memory for '" + v.name + "'"};
      globals[v.name] = address;
      module->variables[v.name] = {address, v.bytes};
    }
  auto lines = linesOf(text);
  for (const Entry &entry : parsed.program.entries) {
    Decoder decoder(parsed.program, entry, globals);
    auto kernel = decoder.run();
    if (!kernel)
      return {nullptr, decoder.error()};
    kernel->lines = lines;
    module->decoded.emplace(entry.name, std::move(*kernel));
  }
  return {std::move(module), ""};
}
