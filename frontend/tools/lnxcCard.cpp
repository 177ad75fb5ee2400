// lnxcCard: counts parameters and work in level spec and prints the steps as their equations.
// Bytes come from the memory plan, which level loops carries as attributes.
#include "lnxcCard.h"

#include "dialect/LnxDialect.h"
#include "frontend/Prelude.h"
#include "frontend/Printer.h"

#include <fmt/format.h>
#include <map>

namespace lnx::tool {
namespace {
namespace ir = ::mlir::lnx;

/// 124439808 as "124,439,808".
std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t i = int64_t(text.size()) - 3; i > (text[0] == '-' ? 1 : 0); i -= 3)
    text.insert(size_t(i), ",");
  return text;
}

std::string scaled(double value, const char *unit) {
  const char *prefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  for (; value >= 1000 && prefix + 1 < std::size(prefixes); ++prefix)
    value /= 1000;
  return fmt::format("{:.4g} {}{}", value, prefixes[prefix], unit);
}

/// How often an operation runs in one pass over the layers.
int64_t layersAround(mlir::Operation *op) {
  int64_t count = 1;
  for (auto repeat = op->getParentOfType<ir::RepeatOp>(); repeat;
       repeat = repeat->getParentOfType<ir::RepeatOp>())
    count *= int64_t(repeat.getCount());
  return count;
}

std::string attributeText(mlir::Attribute attr) {
  if (!attr)
    return "";
  if (const auto text = mlir::dyn_cast<mlir::StringAttr>(attr))
    return text.str();
  if (const auto whole = mlir::dyn_cast<mlir::IntegerAttr>(attr))
    return std::to_string(whole.getInt());
  if (const auto real = mlir::dyn_cast<mlir::FloatAttr>(attr))
    return fmt::format("{:g}", real.getValueAsDouble());
  if (const auto table = mlir::dyn_cast<mlir::DenseF64ArrayAttr>(attr))
    return fmt::format("{:g} ..{:g}", table.asArrayRef().front(), table.asArrayRef().back());
  return "";
}

struct Group {
  int64_t count = 0;
  /// For each run of layers, how many they are and what one of them has.
  std::map<mlir::Operation *, std::pair<int64_t, int64_t>> runs;

  /// "12 layers of 64", when all layers have the same.
  std::string perLayer() const {
    int64_t layers = 0;
    for (const auto &[run, sizes] : runs) {
      layers += sizes.first;
      if (sizes.second != runs.begin()->second.second)
        return "";
    }
    return layers > 1 ? fmt::format("   {} layers of {}", grouped(layers),
                                    grouped(runs.begin()->second.second))
                      : "";
  }
};

void addParameters(mlir::ModuleOp spec, std::string &out) {
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  int64_t total = 0;
  spec.walk([&](ir::ParamOp param) {
    const int64_t layers = layersAround(param);
    const int64_t size =
        mlir::cast<mlir::RankedTensorType>(param.getResult().getType()).getNumElements();
    auto repeat = param->getParentOfType<ir::RepeatOp>();
    const std::string scope =
        repeat && !repeat.getScope().empty() ? repeat.getScope().str() + "." : "";
    const std::string name = scope + param.getPath().split('.').first.str();
    if (!groups.count(name))
      order.push_back(name);
    Group &group = groups[name];
    group.count += layers * size;
    auto &[count, perLayer] = group.runs[repeat];
    count = layers;
    perLayer += size;
    total += layers * size;
  });
  out += fmt::format("parameters   {}\n", grouped(total));
  for (const std::string &name : order) {
    const Group &group = groups[name];
    out += fmt::format("  {:<18} {:>16}{}\n", name, grouped(group.count), group.perLayer());
  }
}

void addWork(mlir::ModuleOp spec, std::string &out) {
  double perRow = 0, perPair = 0;
  spec.walk([&](ir::PrimitiveOpInterface op) {
    const ir::Flops flops = op.getFlops();
    perRow += flops.perRow * double(layersAround(op));
    perPair += flops.perPair * double(layersAround(op));
  });
  // The backward pass has two products for each product of the forward pass.
  out += fmt::format("work         {} a token to train", scaled(3 * perRow, "FLOP"));
  if (perPair > 0)
    out += fmt::format(", and {} for each position of its sequence", scaled(3 * perPair, "FLOP"));
  out += '\n';
}

void addMemory(mlir::ModuleOp loops, std::string &out) {
  const auto state =
      loops ? loops->getAttrOfType<mlir::IntegerAttr>("lnx.state_floats") : mlir::IntegerAttr();
  if (!state)
    return;
  constexpr int64_t arenas = 4; // parameter, gradient and the optimizer's two
  out += fmt::format("state        {} bytes\n", grouped(state.getInt() * arenas * 4));
  loops.walk([&](mlir::func::FuncOp entry) {
    const auto row = entry->getAttrOfType<mlir::IntegerAttr>("lnx.scratch_bytes_per_row");
    const auto fixed = entry->getAttrOfType<mlir::IntegerAttr>("lnx.scratch_fixed_bytes");
    if (entry.getName() == "grad" && row && fixed)
      out += fmt::format("scratch      {} bytes a token and {} bytes\n", grouped(row.getInt()),
                         grouped(fixed.getInt()));
  });
}

using Places = std::map<std::tuple<std::string, uint32_t, uint32_t>, const ast::Stmt *>;

void addPlaces(const ast::Body &body, Places &places) {
  for (const ast::StmtPtr &stmt : body.stmts) {
    const Position at = stmt->location.position();
    places[{std::string(stmt->location.fileName()), at.line, at.column}] = stmt.get();
    if (const ast::If *choice = stmt->as<ast::If>()) {
      addPlaces(choice->then, places);
      if (choice->otherwise)
        addPlaces(*choice->otherwise, places);
    } else if (const ast::Repeat *repeat = stmt->as<ast::Repeat>()) {
      addPlaces(repeat->body, places);
    }
  }
}

/// Whether a block makes the step by steps of its own.
bool handsStreamOn(ir::StepOp step) {
  auto apply = step.getNext().getDefiningOp<ir::ApplyOp>();
  return apply &&
         apply.walk([](ir::StepOp) { return mlir::WalkResult::interrupt(); }).wasInterrupted();
}

/// Steps inside repeats, but those that only hand the stream to a block.
void addSteps(const ast::File &file, mlir::ModuleOp spec, std::string &out) {
  Diagnostics silent;
  Places places;
  std::vector<ast::FilePtr> prelude = parsePrelude(silent);
  for (const ast::FilePtr &part : prelude)
    for (const ast::DeclPtr &decl : part->decls)
      if (decl->body)
        addPlaces(*decl->body, places);
  for (const ast::DeclPtr &decl : file.decls)
    if (decl->body)
      addPlaces(*decl->body, places);
  spec.walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    if (auto repeat = mlir::dyn_cast<ir::RepeatOp>(op)) {
      const int64_t first = int64_t(repeat.getFirst()),
                    last = first + int64_t(repeat.getCount()) - 1;
      out += fmt::format("layers       {}..{}{}\n", grouped(first), grouped(last),
                         repeat.getScope().empty() ? "" : " of '" + repeat.getScope().str() + "'");
    }
    auto step = mlir::dyn_cast<ir::StepOp>(op);
    if (!step || !step->getParentOfType<ir::RepeatOp>())
      return;
    if (handsStreamOn(step))
      return;
    const auto at = mlir::dyn_cast<mlir::FileLineColLoc>(step.getLoc());
    const auto stmt =
        at ? places.find({at.getFilename().str(), at.getLine(), at.getColumn()}) : places.end();
    if (stmt != places.end())
      out += "  " + print(*stmt->second);
  });
}

void addClaims(mlir::ModuleOp spec, std::string &out) {
  std::vector<std::string> seen;
  spec.walk([&](mlir::Operation *op) {
    if (!mlir::isa<ir::AssumeOp, ir::LawOp>(op))
      return;
    std::string line = fmt::format("{:<13}{}", op->getName().stripDialect().str(),
                                   op->getAttrOfType<mlir::StringAttr>("path").str());
    if (const auto arguments = op->getAttrOfType<mlir::DictionaryAttr>("arguments")) {
      std::string list;
      for (const mlir::NamedAttribute &arg : arguments)
        list += (list.empty() ? "" : ", ") +
                (arg.getName() == "path" ? "" : arg.getName().str() + " = ") +
                attributeText(arg.getValue());
      line += "(" + list + ")";
    }
    if (const mlir::Attribute bound = op->getAttr("bound"))
      line +=
          " " + op->getAttrOfType<mlir::StringAttr>("relation").str() + " " + attributeText(bound);
    if (llvm::find(seen, line) == seen.end())
      seen.push_back(line);
  });
  for (const std::string &line : seen)
    out += line + '\n';
}
} // namespace

std::string modelCard(const ast::File &file, mlir::ModuleOp spec, mlir::ModuleOp loops) {
  std::string out;
  spec.walk([&](ir::ModelOp model) {
    out += fmt::format("model        {}\n", model.getSymName().str());
    std::string settings;
    if (model.getSettings())
      for (const mlir::NamedAttribute &setting : model.getSettingsAttr())
        settings += (settings.empty() ? "" : ", ") + setting.getName().str() + " = " +
                    attributeText(setting.getValue());
    if (!settings.empty())
      out += fmt::format("settings     {}\n", settings);
  });
  addSteps(file, spec, out);
  addParameters(spec, out);
  addWork(spec, out);
  addMemory(loops, out);
  addClaims(spec, out);
  return out;
}

} // namespace lnx::tool
