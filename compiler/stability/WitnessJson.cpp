// WitnessJson: written in a fixed order; read through one cursor that names the field it stands at.
#include "compiler/stability/WitnessJson.h"

#include "dialect/LnxDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

static constexpr StringRef directions[] = {"ones", "alternating", "first"};
static constexpr StringRef kinds[] = {"constant", "outer", "diagonal", "initial", "normal"};
static constexpr StringRef measures[] = {"mean_abs",     "variance",     "largest_entry",
                                         "score",        "update_ratio", "stream_ratio",
                                         "update_bound", "growth",       "distance_ratio"};
static constexpr StringRef versionKey = "lnx_witness";
static constexpr int64_t version = 1;
static constexpr size_t deepest = 64;
static constexpr size_t mostBytes = 16 << 20;
static constexpr size_t mostParameters = 10000; // a scan of all for each layer ends within a second

//===-- writing --------------------------------------------------------------===//

static void print(llvm::json::OStream &json, const Fill &fill) {
  json.object([&] {
    json.attribute("kind", kinds[static_cast<size_t>(fill.kind)]);
    json.attribute("value", fill.value);
    if (fill.kind == Fill::Kind::outer) {
      json.attribute("left", directions[static_cast<size_t>(fill.left)]);
      json.attribute("right", directions[static_cast<size_t>(fill.right)]);
    }
    if (fill.kind == Fill::Kind::initial || fill.kind == Fill::Kind::normal)
      json.attribute("seed", fill.seed);
  });
}

static void printModel(llvm::json::OStream &json, const Witness &witness) {
  json.attributeObject("model", [&] {
    json.attribute("file", llvm::json::fixUTF8(witness.file));
    json.attribute("name", llvm::json::fixUTF8(witness.model));
    json.attributeArray("settings", [&] {
      for (const auto &[name, value] : witness.settings)
        json.value(llvm::json::fixUTF8(name + "=" + value));
    });
    json.attribute("hash", witness.hash);
  });
}

static void printClaim(llvm::json::OStream &json, const Witness &witness) {
  json.attributeObject("claim", [&] {
    json.attribute("number", witness.claim);
    json.attribute("measure", measures[static_cast<size_t>(witness.measure)]);
    json.attribute("step", witness.step);
    json.attribute("layer", witness.layer);
    json.attribute("place", llvm::json::fixUTF8(witness.place));
    json.attribute("parameter", witness.parameter);
    json.attributeArray("depths", [&] {
      for (auto [depth, u] : witness.depths)
        json.array([&] {
          json.value(depth);
          json.value(u);
        });
    });
    json.attribute("limit", witness.limit);
    json.attribute("measured", witness.measured);
  });
}

std::string stability::printWitness(const Witness &witness) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/2);
  json.object([&] {
    json.attribute(versionKey, version);
    json.attribute("property", witness.property);
    printModel(json, witness);
    printClaim(json, witness);
    json.attributeArray("tokens", [&] {
      for (int64_t token : witness.tokens)
        json.value(token);
    });
    json.attributeArray("parameters", [&] {
      for (const ParameterValue &value : witness.parameters)
        json.object([&] {
          json.attribute("path", value.path);
          json.attributeArray("layers", [&] {
            json.value(value.first);
            json.value(value.last);
          });
          json.attributeBegin("value");
          print(json, value.fill);
          json.attributeEnd();
        });
    });
  });
  return text + "\n";
}

//===-- reading --------------------------------------------------------------===//

namespace {
/// One object of the file; the first problem stays.
class Reader {
public:
  Reader(const llvm::json::Value &value, std::string where, std::string &problem)
      : object(value.getAsObject()), where(std::move(where)), problem(problem) {
    if (!object)
      fail("", "an object");
  }

  std::string text(StringRef key) {
    const llvm::json::Value *value = find(key);
    std::optional<StringRef> read = value ? value->getAsString() : std::nullopt;
    if (!read)
      fail(key, "a text");
    return read ? read->str() : "";
  }
  double number(StringRef key) {
    const llvm::json::Value *value = find(key);
    std::optional<double> read = value ? value->getAsNumber() : std::nullopt;
    if (!read || !std::isfinite(*read))
      fail(key, "a finite number");
    return read.value_or(0);
  }
  int64_t whole(StringRef key) { return whole(find(key), key); }
  int64_t whole(const llvm::json::Value *value, StringRef key) {
    std::optional<int64_t> read = value ? value->getAsInteger() : std::nullopt;
    if (!read || *read < 0)
      fail(key, "a whole number from 0 on");
    return read.value_or(0);
  }
  size_t word(StringRef key, ArrayRef<StringRef> words) {
    std::string read = text(key);
    const StringRef *found = llvm::find(words, read);
    if (found == words.end())
      fail(key, "one of " + llvm::join(words, ", "));
    return found == words.end() ? 0 : found - words.begin();
  }
  /// Empty after a problem.
  ArrayRef<llvm::json::Value> list(StringRef key) {
    const llvm::json::Value *value = find(key);
    const llvm::json::Array *array = value ? value->getAsArray() : nullptr;
    if (!array)
      fail(key, "a list");
    return array ? ArrayRef<llvm::json::Value>(*array) : ArrayRef<llvm::json::Value>();
  }
  const llvm::json::Value *find(StringRef key) const { return object ? object->get(key) : nullptr; }
  bool has(StringRef key) const { return find(key); }
  std::string nameOf(const Twine &key) const { return (where + key).str(); }
  void fail(const Twine &key, const Twine &expected) {
    if (problem.empty())
      problem = ("'" + Twine(nameOf(key)) + "' is not " + expected).str();
  }

private:
  const llvm::json::Object *object;
  std::string where;
  std::string &problem;
};
} // namespace

static Fill readFill(Reader in) {
  Fill fill;
  fill.kind = static_cast<Fill::Kind>(in.word("kind", kinds));
  fill.value = in.number("value");
  if (fill.kind == Fill::Kind::outer) {
    fill.left = static_cast<Direction>(in.word("left", directions));
    fill.right = static_cast<Direction>(in.word("right", directions));
  }
  if (fill.kind == Fill::Kind::initial || fill.kind == Fill::Kind::normal)
    fill.seed = in.whole("seed");
  return fill;
}

static const llvm::json::Value null = nullptr;

static Reader inside(Reader &out, StringRef key, std::string &problem) {
  const llvm::json::Value *value = out.find(key);
  return Reader(value ? *value : null, out.nameOf(key + "."), problem);
}

static void readModel(Reader in, Witness &witness) {
  witness.file = in.text("file");
  witness.model = in.text("name");
  witness.hash = in.text("hash");
  for (const llvm::json::Value &setting : in.list("settings")) {
    std::optional<StringRef> text = setting.getAsString();
    if (!text || !text->contains('='))
      return in.fail("settings", "a list of NAME=VALUE");
    auto [name, value] = text->split('=');
    witness.settings.emplace_back(name.str(), value.str());
  }
}

static void readClaim(Reader in, Witness &witness) {
  witness.claim = in.text("number");
  witness.measure = static_cast<Measure>(in.word("measure", measures));
  witness.step = in.whole("step");
  witness.layer = in.whole("layer");
  witness.place = in.text("place");
  witness.parameter = in.text("parameter");
  witness.limit = in.number("limit");
  witness.measured = in.number("measured");
  for (const llvm::json::Value &pair : in.list("depths")) {
    const llvm::json::Array *array = pair.getAsArray();
    std::optional<double> u =
        array && array->size() == 2 ? (*array)[1].getAsNumber() : std::nullopt;
    if (!u)
      return in.fail("depths", "a list of [layers, number]");
    witness.depths.emplace_back(in.whole(&(*array)[0], "depths"), *u);
  }
}

static ParameterValue readParameter(Reader in, std::string &problem) {
  ParameterValue value;
  value.path = in.text("path");
  ArrayRef<llvm::json::Value> layers = in.list("layers");
  if (layers.size() != 2) {
    in.fail("layers", "a list of two numbers");
    return value;
  }
  value.first = in.whole(&layers[0], "layers");
  value.last = in.whole(&layers[1], "layers");
  value.fill = readFill(inside(in, "value", problem));
  return value;
}

static Witness readWitness(const llvm::json::Value &json, std::string &problem) {
  Witness witness;
  Reader in(json, "", problem);
  if (in.whole(versionKey) != version)
    in.fail(versionKey, Twine(version) + ", the version this program reads");
  witness.property = in.text("property");
  readModel(inside(in, "model", problem), witness);
  readClaim(inside(in, "claim", problem), witness);
  for (const llvm::json::Value &token : in.list("tokens"))
    witness.tokens.push_back(in.whole(&token, "tokens"));
  if (problem.empty() && (witness.tokens.size() > 4096 ||
                          (witness.tokens.empty() && witness.measure != Measure::depths)))
    in.fail("tokens", "a list of 1 to 4096 numbers");
  size_t index = 0;
  if (in.list("parameters").size() > mostParameters)
    in.fail("parameters", "a list of at most " + Twine(mostParameters));
  for (const llvm::json::Value &value : in.list("parameters"))
    witness.parameters.push_back(readParameter(
        Reader(value, "parameters[" + std::to_string(index++) + "].", problem), problem));
  return witness;
}

/// Nesting that the parser, which recurses, can take.
static bool isTooDeep(StringRef text) {
  size_t depth = 0, most = 0;
  bool isText = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (isText && c == '\\')
      ++i;
    else if (c == '"')
      isText = !isText;
    else if (!isText && (c == '[' || c == '{'))
      most = std::max(most, ++depth);
    else if (!isText && (c == ']' || c == '}') && depth > 0)
      --depth;
  }
  return most > deepest;
}

llvm::Expected<Witness> stability::parseWitness(StringRef text) {
  auto fail = [](const Twine &reason) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), reason);
  };
  if (text.size() > mostBytes)
    return fail("the file is larger than 16 MiB");
  if (isTooDeep(text))
    return fail("nested more than " + Twine(deepest) + " deep");
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(text);
  if (!json) {
    std::string reason;
    llvm::handleAllErrors(json.takeError(), [&](const llvm::json::ParseError &error) {
      reason = error.message(); // "[3:12, byte=40]: ..."
    });
    return fail(reason);
  }
  std::string problem;
  Witness witness = readWitness(*json, problem);
  if (!problem.empty())
    return fail(problem);
  return witness;
}

bool stability::looksLikeWitness(StringRef text) {
  return text.take_front(200).contains("\"" + versionKey.str() + "\"");
}

//===-- hash -----------------------------------------------------------------===//

std::string stability::hashOf(ModuleOp spec) {
  OwningOpRef<ModuleOp> copy = spec.clone();
  SmallVector<Operation *> claims;
  copy->walk([&](Operation *op) {
    if (isa<AssumeOp, CheckOp, LawOp>(op))
      claims.push_back(op);
  });
  for (Operation *op : claims)
    op->erase();
  std::string text;
  llvm::raw_string_ostream stream(text);
  copy->print(stream, OpPrintingFlags().assumeVerified().useLocalScope());
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}
