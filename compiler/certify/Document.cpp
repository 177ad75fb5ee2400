// Document: reading a certificate. Each field is looked at before it is used; sizes are limited.
#include "compiler/certify/Document.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using llvm::Expected;
using llvm::StringRef;
namespace json = llvm::json;

namespace lnx::certify {

// No certificate of a model comes near these; what does would take long to check.
static constexpr int deepestNesting = 64;
static constexpr int64_t largestSize = int64_t(1) << 40;
static constexpr size_t mostSteps = 20'000, mostAxioms = 5'000, mostNumbers = 20'000'000;

const char *const kindNames[kinds] = {"rms", "part", "across", "peak"};

llvm::Error refuse(const std::string &sentence) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), sentence);
}

int64_t Step::count() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::optional<double> Step::number(const std::string &name) const {
  auto found = with.find(name);
  return found == with.end() ? std::nullopt : std::optional(found->second);
}

//===-- fields -----------------------------------------------------------------===//

/// Nothing may be in the file that nobody reads.
static bool hasOnly(const json::Value &value, std::initializer_list<StringRef> keys,
                    json::Path path) {
  if (const json::Object *object = value.getAsObject())
    for (const auto &[key, field] : *object)
      if (!llvm::is_contained(keys, StringRef(key))) {
        path.field(key).report("is not known");
        return false;
      }
  return true;
}

static bool fromJSON(const json::Value &value, Series &series, json::Path path) {
  series.rate = std::nullopt;
  if (const json::Array *array = value.getAsArray(); array && array->size() > 1) {
    bool isRead = json::fromJSON(value, series.values, path);
    if (isRead && !series.isFinite())
      path.report("has too large a number");
    return isRead && series.isFinite();
  }
  series.values = {0};
  if (!json::fromJSON(value, series.values[0], path))
    return false;
  series.rate = rateOf(series.values[0]);
  if (!series.isFinite())
    path.report("is too large a number");
  return series.isFinite();
}

static bool fromJSON(const json::Value &value, Size &size, json::Path path) {
  if (!value.getAsObject())
    return fromJSON(value, size.one, path);
  json::ObjectMapper map(value, path);
  return hasOnly(value, {"1", "r", "r2"}, path) && map.map("1", size.one) &&
         map.map("r", size.line) && map.mapOptional("r2", size.square);
}

static bool fromJSON(const json::Value &value, Step &step, json::Path path) {
  json::ObjectMapper map(value, path);
  bool isRead = hasOnly(value,
                        {"op", "of", "shape", "rows", "with", "path", "from", "to", "schedule",
                         "values", "start"},
                        path) &&
                map && map.map("op", step.op) && map.map("of", step.of) &&
                map.map("shape", step.shape) && map.map("rows", step.hasRows) &&
                map.mapOptional("with", step.with) && map.mapOptional("path", step.path) &&
                map.mapOptional("from", step.from) && map.mapOptional("to", step.to) &&
                map.mapOptional("schedule", step.schedule) && map.map("values", step.values) &&
                map.map("start", step.start);
  int64_t count = 1;
  for (int64_t size : step.shape)
    if (isRead && (size < 1 || llvm::MulOverflow(count, size, count) || count > largestSize)) {
      path.field("shape").report("has too many features, or none");
      return false;
    }
  return isRead;
}

static bool isPromise(const Axiom &axiom, json::Path path) {
  bool isGood = !axiom.bound || axiom.bound->isAtLeast(0);
  if (!isGood)
    path.field("bound").report("is negative");
  return isGood;
}

static bool fromJSON(const json::Value &value, Axiom &axiom, json::Path path) {
  json::ObjectMapper map(value, path);
  return hasOnly(value, {"form", "path", "bound", "with", "first", "last"}, path) && map &&
         map.map("form", axiom.form) && map.mapOptional("path", axiom.path) &&
         map.map("bound", axiom.bound) && map.mapOptional("with", axiom.with) &&
         map.map("first", axiom.first) && map.map("last", axiom.last) && isPromise(axiom, path);
}

static bool fromJSON(const json::Value &value, Claim &claim, json::Path path) {
  json::ObjectMapper map(value, path);
  bool isRead = hasOnly(value,
                        {"step", "rule", "rms", "part", "across", "peak", "block", "scores",
                         "start", "peak_start", "largest"},
                        path) &&
                map && map.map("step", claim.step) && map.map("rule", claim.rule) &&
                map.mapOptional("block", claim.block) && map.map("scores", claim.scores) &&
                map.map("start", claim.start) && map.map("peak_start", claim.peakStart) &&
                map.mapOptional("largest", claim.isLargest);
  return isRead && map.map("rms", claim.bound[rms]) && map.map("part", claim.bound[part]) &&
         map.map("across", claim.bound[across]) && map.map("peak", claim.bound[peak]);
}

static bool fromJSON(const json::Value &value, Conclusion &conclusion, json::Path path) {
  json::ObjectMapper map(value, path);
  return hasOnly(value, {"property", "number", "factor", "growth"}, path) && map &&
         map.map("property", conclusion.property) && map.map("number", conclusion.number) &&
         map.map("factor", conclusion.factor) && map.mapOptional("growth", conclusion.growth);
}

static bool fromJSON(const json::Value &value, Derivation &derivation, json::Path path) {
  json::ObjectMapper map(value, path);
  std::string weights;
  std::vector<Claim> claims;
  bool isRead = hasOnly(value, {"weights", "steps", "conclusions"}, path) && map &&
                map.map("weights", weights) && map.map("steps", claims) &&
                map.map("conclusions", derivation.conclusions);
  derivation.isTrajectory = weights == "trajectory";
  if (isRead && !derivation.isTrajectory && weights != "declared") {
    path.field("weights").report("is neither 'declared' nor 'trajectory'");
    return false;
  }
  for (Claim &claim : claims)
    if (isRead && !derivation.claims.emplace(claim.step, std::move(claim)).second) {
      path.field("steps").report("claim the same step twice");
      return false;
    }
  return isRead;
}

static bool fromJSON(const json::Value &value, NotCertified &one, json::Path path) {
  json::ObjectMapper map(value, path);
  return hasOnly(value, {"property", "reason"}, path) && map && map.map("property", one.property) &&
         map.map("reason", one.reason);
}

/// Every step may have as many numbers as there are in the longest list.
static bool isOfFairSize(const Document &document, json::Path path) {
  size_t longest = 1;
  for (const Step &step : document.program)
    longest = std::max(longest, step.values ? step.values->values.size() : 1);
  for (const Axiom &axiom : document.axioms)
    longest = std::max(longest, axiom.bound ? axiom.bound->values.size() : 1);
  bool isLayered = llvm::any_of(document.axioms, [](const Axiom &axiom) {
    return !axiom.path.empty() && llvm::isDigit(axiom.path[0]); // of one layer
  });
  for (const Step &step : document.program)
    if (isLayered && step.op == "repeat")
      longest = std::max(longest, static_cast<size_t>(std::clamp(step.number("count").value_or(1),
                                                                 1.0, 100'000.0)));
  bool isFair = document.program.size() <= mostSteps && document.axioms.size() <= mostAxioms &&
                longest * document.program.size() <= mostNumbers;
  if (!isFair)
    path.field("program").report("has too many steps for so many numbers in each");
  return isFair;
}

static bool fromJSON(const json::Value &value, Document &document, json::Path path) {
  json::ObjectMapper map(value, path);
  int64_t version = 0;
  std::string digest;
  bool isRead = hasOnly(value,
                        {"lnx_certificate", "digest", "model", "context", "one_depth",
                         "assumptions", "program", "derivations", "not_certified"},
                        path) &&
                map && map.map("lnx_certificate", version) && map.map("digest", digest) &&
                map.map("model", document.model) && map.map("context", document.context) &&
                map.map("one_depth", document.isOneDepth) &&
                map.map("assumptions", document.axioms) && map.map("program", document.program) &&
                map.map("derivations", document.derivations) &&
                map.map("not_certified", document.notCertified);
  if (isRead && version != 1) {
    path.field("lnx_certificate").report("is a version that is not known");
    return false;
  }
  for (const Step &step : document.program)
    if (step.op == "param")
      document.paths.insert(step.path);
  return isRead && isOfFairSize(document, path);
}

//===-- the file ---------------------------------------------------------------===//

/// The parser recurses, so deep texts are refused before it sees them.
static bool isDeep(StringRef text) {
  int depth = 0;
  bool isText = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (isText && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      isText = !isText;
    else if (!isText && (text[i] == '[' || text[i] == '{') && ++depth > deepestNesting)
      return true;
    else if (!isText && (text[i] == ']' || text[i] == '}'))
      --depth;
  }
  return false;
}

static Expected<json::Value> parse(StringRef text) {
  if (isDeep(text))
    return refuse("it is nested more than 64 deep");
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return refuse("it is not JSON: " + llvm::toString(value.takeError()));
  if (!value->getAsObject())
    return refuse("it is not an object");
  return value;
}

/// SHA-256 of the text without spaces, keys in order.
static std::string digestOf(const json::Value &value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  llvm::SHA256 hash;
  hash.update(text);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

static std::string digestOfRest(json::Object root) {
  root.erase("digest");
  return digestOf(std::move(root));
}

Expected<Document> Document::read(StringRef text) {
  Expected<json::Value> value = parse(text);
  if (!value)
    return value.takeError();
  Document document;
  json::Path::Root root("certificate");
  if (!fromJSON(*value, document, root))
    return root.getError();
  const json::Object &object = *value->getAsObject();
  std::string digest = digestOfRest(object);
  if (object.getString("digest") != StringRef(digest))
    return refuse("its digest is " + digest + ", not the one it says: it was changed");
  json::Object program;
  for (StringRef key : {"model", "context", "one_depth", "assumptions", "program"})
    program[key] = *object.get(key);
  document.programDigest = digestOf(std::move(program));
  return document;
}

Expected<std::string> sealed(StringRef text) {
  Expected<json::Value> value = parse(text);
  if (!value)
    return value.takeError();
  json::Object &root = *value->getAsObject();
  root["digest"] = digestOfRest(root);
  std::string result;
  llvm::raw_string_ostream(result) << *value;
  return result;
}

} // namespace lnx::certify
