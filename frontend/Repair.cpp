// Repair: a queue of changes by cost; each is applied, elaborated and verified for what is open.
#include "frontend/Repair.h"

#include "frontend/Depths.h"
#include "frontend/Elaborated.h"
#include "frontend/RepairEdits.h"

#include <algorithm>
#include <set>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx::stability;

/// Of one report: a change takes 5 to 50 ms, and the examples have at most 200.
constexpr int64_t mostTried = 300;

bool holds(ir::Word word) { return word == ir::Word::proved || word == ir::Word::predictedOk; }

/// Whether weights outside of the initial ones play a part: what a promise can change.
bool restsOnPromises(ir::Basis basis) {
  return basis == ir::Basis::worstCase || basis == ir::Basis::trajectory ||
         basis == ir::Basis::optimum;
}

/// Whether a verdict speaks about enough to answer one of this basis: what an optimizer reaches, or
/// what minimises an objective, is less than all weights.
bool answers(const ir::Verdict &verdict, const std::string &property, ir::Basis basis) {
  const bool isLess = verdict.basis == ir::Basis::trajectory || verdict.basis == ir::Basis::optimum;
  return verdict.property == property && (!isLess || verdict.basis == basis);
}

/// A verdict or a check that is to hold.
struct Target {
  std::string property;
  std::string check; ///< the text of a check; empty for a verdict
  ir::Basis basis = ir::Basis::worstCase;
  std::optional<ir::Fix> &fix;
  int64_t &tried;
  bool isOpen = true;
};

struct Try {
  Edit edit;
  std::vector<std::string> promises; ///< lines of an edit that changes no equation
};

/// "assume norm.gain <= ..." with a number that initial weights keep, with room to move.
std::string promised(std::string line) {
  const char *number = line.starts_with("assume norm.gain")  ? "2"
                       : line.starts_with("assume spectral") ? "4"
                                                             : "1";
  const size_t dots = line.rfind("...");
  return dots == std::string::npos ? line : line.replace(dots, 3, number);
}

class Repairs {
public:
  Repairs(ir::Report &report, const ast::File &file, const ElaborateOptions &options)
      : report(report), file(file), options(options), definitions(file),
        context(registry(), mlir::MLIRContext::Threading::DISABLED) {}

  void run(const std::vector<std::string> &only, const RepairProgress &progress);

private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    mlir::lnx::registerAll(registry);
    return registry;
  }
  void collect(const std::vector<std::string> &only);
  const ast::Decl *chosen() const;
  void queuePromises(const std::vector<std::string> &missing,
                     const std::vector<std::string> &before);
  void attempt(const Try &change);
  void judge(Target &target, const Try &change, const std::string &text, const ir::Report &changed);
  std::optional<ir::Report> verifyText(const std::string &text,
                                       const std::vector<std::string> &properties);
  const ir::Report &whole();
  std::vector<std::string> lostBy(const std::string &text, ir::Basis basis);
  ir::Fix fixOf(const Edit &edit, const std::string &text) const;

  ir::Report &report;
  const ast::File &file;
  const ElaborateOptions &options;
  const Definitions definitions;
  mlir::MLIRContext context;
  const ast::Decl *model = nullptr;
  std::vector<Target> targets;
  std::multimap<int, Try> queue;
  std::set<std::vector<std::string>> promisesSeen;
  std::optional<ir::Report> reference;
};

void Repairs::collect(const std::vector<std::string> &only) {
  for (ir::Verdict &verdict : report.verdicts)
    if (!holds(verdict.word) && ir::isNamed(verdict.property, only))
      targets.push_back({verdict.property, "", verdict.basis, verdict.fix, verdict.tried});
  for (ir::CheckOutcome &check : report.checks)
    if (!holds(check.word))
      targets.push_back({check.property, check.text, ir::Basis::worstCase, check.fix, check.tried});
}

/// The model that the options choose, where its text is the user's.
const ast::Decl *Repairs::chosen() const {
  const ast::Decl *found = nullptr;
  for (const ast::DeclPtr &decl : file.decls)
    if (decl->isModel() && (options.model.empty() || decl->name.text == options.model))
      found = decl.get();
  return found;
}

std::optional<ir::Report> Repairs::verifyText(const std::string &text,
                                              const std::vector<std::string> &properties) {
  Diagnostics silent;
  const ast::FilePtr changed =
      parse(std::make_shared<const Source>(file.source->name(), text), silent);
  if (!changed)
    return std::nullopt;
  const mlir::OwningOpRef<mlir::ModuleOp> module = elaborate(*changed, options, context, silent);
  if (!module)
    return std::nullopt;
  const mlir::ScopedDiagnosticHandler handler(&context,
                                              [](mlir::Diagnostic &) { return mlir::success(); });
  ir::VerifyOptions wanted{.atDepth = atOtherDepths(*module, *changed, options),
                           .properties = properties,
                           .details = false};
  mlir::FailureOr<ir::Report> result = ir::verify(*module, wanted);
  // Another size of the model is no repair of this one.
  if (mlir::failed(result) || result->depth != report.depth || result->width != report.width ||
      result->checks.size() != report.checks.size())
    return std::nullopt;
  return std::move(*result);
}

/// Whole lines, from the first to the last that changes.
ir::Fix Repairs::fixOf(const Edit &edit, const std::string &text) const {
  const std::string_view old = file.source->text();
  size_t begin = old.size(), end = 0;
  for (const Replacement &part : edit.parts) {
    begin = std::min<size_t>(begin, part.begin);
    end = std::max<size_t>(end, part.end);
  }
  begin = begin == 0 ? 0 : old.rfind('\n', begin - 1) + 1;
  end = std::min(old.find('\n', end), old.size());
  ir::Fix fix;
  fix.file = file.source->name();
  fix.line = file.source->lineNumber(uint32_t(begin));
  fix.before = old.substr(begin, end - begin);
  fix.after = text.substr(begin, text.size() - begin - (old.size() - end));
  return fix;
}

/// The report on all properties, those that nobody asked for too.
const ir::Report &Repairs::whole() {
  if (!reference)
    reference = verifyText(std::string(file.source->text()), {}).value_or(report);
  return *reference;
}

/// What held and no longer does; predictions only for another prediction, as they take longer.
std::vector<std::string> Repairs::lostBy(const std::string &text, ir::Basis basis) {
  const ir::Report &before = whole();
  std::vector<std::string> proved, lost;
  const auto held = [&](const ir::Verdict &verdict) {
    return verdict.word == ir::Word::proved ||
           (basis == ir::Basis::initMeanField && verdict.word == ir::Word::predictedOk);
  };
  for (const ir::Verdict &verdict : before.verdicts)
    if (held(verdict))
      proved.push_back(verdict.property);
  for (const ir::CheckOutcome &check : before.checks)
    if (check.word == ir::Word::proved)
      proved.push_back(check.property);
  if (proved.empty())
    return lost;
  const std::optional<ir::Report> changed = verifyText(text, proved);
  for (const ir::Verdict &verdict : before.verdicts) {
    const auto still = [&](const ir::Verdict &other) {
      return answers(other, verdict.property, verdict.basis) && holds(other.word);
    };
    if (held(verdict) && (!changed || std::ranges::none_of(changed->verdicts, still)))
      lost.push_back(verdict.property);
  }
  for (size_t i = 0; i < before.checks.size(); ++i)
    if (before.checks[i].word == ir::Word::proved && (!changed || !holds(changed->checks[i].word)))
      lost.push_back("check " + before.checks[i].text);
  return lost;
}

void Repairs::judge(Target &target, const Try &change, const std::string &text,
                    const ir::Report &changed) {
  ++target.tried;
  const ir::Verdict *verdict = nullptr;
  for (const ir::Verdict &other : changed.verdicts)
    if ((target.check.empty() ? answers(other, target.property, target.basis)
                              : other.property == target.property) &&
        (!verdict || holds(other.word)))
      verdict = &other;
  bool isMet = verdict && holds(verdict->word);
  for (const ir::CheckOutcome &check : changed.checks)
    if (check.text == target.check)
      isMet = holds(check.word);
  if (!verdict || !isMet) {
    if (verdict)
      queuePromises(verdict->missing, change.promises);
    return;
  }
  if (target.fix && target.fix->lost.empty())
    return;
  ir::Fix fix = fixOf(change.edit, text);
  fix.word = verdict->word;
  fix.number = verdict->number;
  fix.growth = verdict->growth;
  fix.lost = lostBy(text, target.basis);
  target.isOpen = !fix.lost.empty();
  // One that costs a proof is kept until there is one that costs none.
  if (!target.fix || fix.lost.empty())
    target.fix = std::move(fix);
}

/// All that is missing at once, in one place; what is missing then, behind it.
void Repairs::queuePromises(const std::vector<std::string> &missing,
                            const std::vector<std::string> &before) {
  std::vector<std::string> lines = before;
  for (const std::string &line : missing)
    if (const std::string whole = promised(line); std::ranges::find(lines, whole) == lines.end())
      lines.push_back(whole);
  if (lines.size() == before.size() || !promisesSeen.insert(lines).second)
    return;
  if (std::optional<Edit> edit = promise(*model, lines))
    queue.emplace(edit->cost, Try{*edit, lines});
}

void Repairs::attempt(const Try &change) {
  std::vector<std::string> properties;
  const auto concerns = [&](const Target &target) {
    return target.isOpen && (change.promises.empty() || restsOnPromises(target.basis));
  };
  for (const Target &target : targets)
    if (concerns(target))
      properties.push_back(target.property);
  if (properties.empty())
    return;
  const std::string text = applied(file.source->text(), change.edit.parts);
  const std::optional<ir::Report> changed = verifyText(text, properties);
  for (Target &target : targets)
    if (changed && concerns(target))
      judge(target, change, text, *changed);
}

void Repairs::run(const std::vector<std::string> &only, const RepairProgress &progress) {
  if (only.empty())
    reference = report;
  collect(only);
  model = chosen();
  if (!model || targets.empty())
    return;
  for (Edit &edit : editsOf(definitions, *model, report.depth))
    queue.emplace(edit.cost, Try{std::move(edit), {}});
  for (const ir::Verdict &verdict : report.verdicts)
    if (!holds(verdict.word))
      queuePromises(verdict.missing, {});
  for (int64_t tried = 0; tried < mostTried && !queue.empty(); ++tried) {
    if (std::ranges::none_of(targets, &Target::isOpen))
      return;
    if (progress)
      progress(tried, int64_t(queue.size()));
    attempt(queue.extract(queue.begin()).mapped());
  }
}
} // namespace

void repair(ir::Report &report, const ast::File &file, const ElaborateOptions &options,
            const std::vector<std::string> &only, const RepairProgress &progress) {
  if (file.source)
    Repairs(report, file, options).run(only, progress);
}

} // namespace lnx
