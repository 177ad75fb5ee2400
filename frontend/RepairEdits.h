// RepairEdits: single changes of a model's text, for Repair to try.
// They follow rules over calls, steps and numbers; what one is good for is the verifier's to say.
#pragma once

#include "frontend/Definitions.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

/// New text for the bytes [begin, end) of the user's file.
struct Replacement {
  uint32_t begin = 0, end = 0;
  std::string text;
  bool operator==(const Replacement &) const = default;
};

struct Edit {
  int cost = 0;
  std::vector<Replacement> parts; // disjoint
};

/// Edits that grow part by part: one rule applied to all places of a declaration is one change.
class EditList {
public:
  /// Adds to the edit called `key`, or begins it.
  void add(const std::string &key, int cost, Replacement part);
  /// In the order they began in.
  std::vector<Edit> take() { return std::move(edits); }

private:
  std::map<std::string, size_t> places;
  std::vector<Edit> edits;
};

/// All changes of equations; `depth` is that of the model.
std::vector<Edit> editsOf(const Definitions &definitions, const ast::Decl &model, int64_t depth);

/// Adds `assume` lines at the start of the model's body, which it gets where it has none. Its cost
/// grows with the lines. Nothing where that cannot be written.
std::optional<Edit> promise(const ast::Decl &model, const std::vector<std::string> &lines);

/// The text with an edit's parts replaced.
std::string applied(std::string_view text, std::vector<Replacement> parts);

// The rules for the equations of a declaration's steps (RepairSteps.cpp).
void addStepEdits(const Definitions &definitions, const ast::Decl &decl, EditList &edits);

/// `number` shrunk with depth: "1/depth", "0.1/depth^(1/2)".
std::vector<std::string> shrunk(const std::string &number);
/// Whether a declaration has a formal of this name.
bool hasFormal(const ast::Decl &decl, std::string_view name);

} // namespace lnx
