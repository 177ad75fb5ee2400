// Diagnostics: where a thing stands in the user's text, and what is wrong with it.
// Sees the standard library only; every stage of the frontend reports through one Diagnostics.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lnx {

/// A line and a column, both from 1; columns count code points.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
  bool operator==(const Position &) const = default;
};

/// One text with its name. Immutable; AST nodes and diagnostics point into it.
class Source {
public:
  static constexpr size_t maxBytes = size_t(16) << 20;

  Source(std::string name, std::string text);

  const std::string &name() const { return fileName; }
  std::string_view text() const { return contents; }
  /// The byte after a byte order mark, else 0.
  uint32_t begin() const { return start; }
  Position position(uint32_t offset) const;
  uint32_t lineNumber(uint32_t offset) const;
  /// Line `number` (from 1) without its line ending and without a byte order mark.
  std::string_view line(uint32_t number) const;
  uint32_t lineCount() const { return uint32_t(lineStarts.size()); }

private:
  std::string fileName;
  std::string contents;
  std::vector<uint32_t> lineStarts;
  uint32_t start = 0;
};

using SourcePtr = std::shared_ptr<const Source>;

/// A range of a source, or a place in the user's C++ (an embedded model), or nowhere.
/// Does not own the source: declarations and `Diagnostics` keep it alive.
class Location {
public:
  Location() = default;
  Location(const Source *source, uint32_t begin, uint32_t end)
      : text(source), first(begin), second(end) {}
  /// A place in C++; `here.file_name()` has static storage.
  static Location embedded(std::source_location here);

  /// The source, or null for a place in C++ and for nowhere.
  const Source *source() const { return text; }
  explicit operator bool() const { return text || cxxFile; }
  /// Byte offsets; only with a source.
  uint32_t begin() const { return first; }
  uint32_t end() const { return second; }
  std::string_view fileName() const;
  Position position() const;
  /// The text of the range; empty without a source.
  std::string_view spelling() const;
  /// From the start of this to the end of `last`, which stands in the same source.
  Location to(const Location &last) const;
  /// The empty range just behind this one: where something is missing.
  Location after() const;

  bool operator==(const Location &) const = default;

private:
  const Source *text = nullptr;
  const char *cxxFile = nullptr; // set: first and second are line and column
  uint32_t first = 0;
  uint32_t second = 0;
};

enum class Severity { Error, Warning, Note, Help };

/// One message with its further places. Built in place:
///   diagnostics.error(step, "stream 'x' is [768] wide").note(param, "declared here");
struct Diagnostic {
  Severity severity = Severity::Error;
  Location location;
  std::string message;
  std::vector<Diagnostic> notes;

  Diagnostic &note(Location location, std::string message);
  Diagnostic &note(std::string message) { return note(Location(), std::move(message)); }
  /// A fix, when exactly one is known. Has no place.
  Diagnostic &help(std::string message);
};

/// Collects what the user has to know. At most `maxErrors` errors are kept, and the same message at
/// the same place once: an expanded definition may find its error in every use.
class Diagnostics {
public:
  static constexpr size_t maxErrors = 20;

  Diagnostic &error(Location location, std::string message);
  Diagnostic &error(std::string message) { return error(Location(), std::move(message)); }
  Diagnostic &warning(Location location, std::string message);

  bool hasErrors() const { return errorCount != 0; }
  /// No further error will be kept; a stage may stop.
  bool isFull() const { return errorCount >= maxErrors; }
  size_t errors() const { return errorCount; }
  const std::vector<std::unique_ptr<Diagnostic>> &all() const { return kept; }

  /// Keeps `source` alive as long as the messages that point into it.
  void retain(SourcePtr source) { sources.push_back(std::move(source)); }

  /// All messages in the form of docs/language.md, Messages, each line ended.
  std::string render() const;

private:
  Diagnostic &report(Severity severity, Location location, std::string message);

  std::vector<std::unique_ptr<Diagnostic>> kept; // pointers: a reported message stays where it is
  std::vector<SourcePtr> sources;
  Diagnostic dropped;
  size_t errorCount = 0;
  bool overflowed = false;
};

std::string render(const Diagnostic &diagnostic);

/// The line of a place and, below it, a caret; both indented. Empty where there is no text.
std::string sourceExcerpt(const Location &location);

/// The candidate nearest to `word`, if it is at most two edits (insert, delete, replace, swap) and
/// fewer than the word has letters away. The first of equally near ones.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// Reads a file of at most 16 MiB. Null after an error that names the path and the system's reason.
SourcePtr readSource(const std::string &path, Diagnostics &diagnostics);

} // namespace lnx
