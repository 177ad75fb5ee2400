// Diagnostics: sources, places and the rendering of messages.
// Nothing here knows the language; reading a file is here since it can fail only in the user's
// words.

#include "frontend/Diagnostics.h"
#include "frontend/Utf8.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace lnx {

Source::Source(std::string name, std::string text)
    : fileName(std::move(name)), contents(std::move(text)) {
  if (contents.starts_with("\xef\xbb\xbf"))
    start = 3;
  lineStarts.push_back(start);
  // Offsets have 32 bits; the parser refuses a larger text before it names a place in it.
  const size_t size = std::min(contents.size(), size_t(UINT32_MAX));
  for (size_t i = start; i < size; ++i)
    if (contents[i] == '\n')
      lineStarts.push_back(uint32_t(i + 1));
}

uint32_t Source::lineNumber(uint32_t offset) const {
  return uint32_t(std::upper_bound(lineStarts.begin() + 1, lineStarts.end(), offset) -
                  lineStarts.begin());
}

Position Source::position(uint32_t offset) const {
  const uint32_t number = lineNumber(offset);
  const std::string_view upTo = std::string_view(contents).substr(0, offset);
  uint32_t column = 1;
  for (size_t i = lineStarts[number - 1]; i < upTo.size(); ++column)
    i += decode(upTo, i).length;
  return {number, column};
}

std::string_view Source::line(uint32_t number) const {
  const size_t begin = lineStarts[number - 1];
  const size_t end = number < lineStarts.size() ? lineStarts[number] - 1 : contents.size();
  std::string_view text = std::string_view(contents).substr(begin, end - begin);
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

Location Location::embedded(std::source_location here) {
  Location location;
  location.cxxFile = here.file_name();
  location.first = here.line();
  location.second = here.column();
  return location;
}

std::string_view Location::fileName() const {
  return text ? std::string_view(text->name()) : cxxFile ? cxxFile : "";
}

Position Location::position() const {
  return text ? text->position(first) : Position{first, second};
}

std::string_view Location::spelling() const {
  return text ? text->text().substr(first, second - first) : std::string_view();
}

Location Location::to(const Location &last) const {
  return text && text == last.text ? Location(text, first, std::max(second, last.second)) : *this;
}

Location Location::after() const { return text ? Location(text, second, second) : *this; }

Diagnostic &Diagnostic::note(Location place, std::string text) {
  notes.push_back({Severity::Note, place, std::move(text), {}});
  return *this;
}

Diagnostic &Diagnostic::help(std::string text) {
  notes.push_back({Severity::Help, Location(), std::move(text), {}});
  return *this;
}

Diagnostic &Diagnostics::error(Location location, std::string message) {
  return report(Severity::Error, location, std::move(message));
}

Diagnostic &Diagnostics::warning(Location location, std::string message) {
  return report(Severity::Warning, location, std::move(message));
}

Diagnostic &Diagnostics::report(Severity severity, Location location, std::string message) {
  dropped = {};
  for (const auto &d : kept)
    if (d->severity == severity && d->location == location && d->message == message)
      return dropped;
  if (severity == Severity::Error && isFull()) {
    overflowed = true;
    return dropped;
  }
  if (severity == Severity::Warning && kept.size() >= 2 * maxErrors)
    return dropped;
  errorCount += severity == Severity::Error;
  kept.push_back(
      std::make_unique<Diagnostic>(Diagnostic{severity, location, std::move(message), {}}));
  return *kept.back();
}

namespace {
// A line of the source is shown up to this many code points; a longer one is cut around the caret.
constexpr size_t excerptWidth = 160;

/// The source line and the caret line below it, column by column.
struct Excerpt {
  std::string line, marks;
  void add(CodePoint c, const char *mark) {
    const bool isShown = c.isValid && hidden(c.value) == Hidden::No;
    const char32_t value = isShown ? c.value : 0xfffd;
    line += encode(value);
    if (value == '\t')
      marks += *mark == ' ' ? "\t" : mark;
    else
      for (uint32_t i = 0; i < displayWidth(value); ++i)
        marks += i == 0 ? mark : *mark == '^' ? "~" : mark;
  }
};

/// The offset `count` code points behind `from`, or the end.
size_t forward(std::string_view text, size_t from, size_t count) {
  for (; count > 0 && from < text.size(); --count)
    from += decode(text, from).length;
  return from;
}

/// The offset about `count` code points before `from`, or 0.
size_t backward(std::string_view text, size_t from, size_t count) {
  for (; count > 0 && from > 0; --count)
    do
      --from;
    while (from > 0 && (text[from] & 0xc0) == 0x80);
  return from;
}

/// Reads only what it shows: the line may be the whole file.
Excerpt excerpt(std::string_view text, size_t begin, size_t end) {
  const bool isCut = forward(text, 0, excerptWidth) < text.size();
  const size_t from = isCut ? backward(text, begin, excerptWidth / 2) : 0;
  const size_t upTo = forward(text, from, excerptWidth);
  Excerpt result;
  if (from > 0) {
    result.line = "...";
    result.marks = "   ";
  }
  bool isMarked = false;
  for (size_t i = from; i < upTo;) {
    const CodePoint c = decode(text, i);
    const bool isFirst = !isMarked && i >= begin;
    result.add(c, isFirst ? "^" : i < begin ? " " : i < end ? "~" : "");
    isMarked |= isFirst;
    i += c.length;
  }
  if (!isMarked)
    result.marks += '^'; // just behind the last character
  if (upTo < text.size())
    result.line += "...";
  return result;
}

const char *word(Severity severity) {
  switch (severity) {
  case Severity::Error:
    return "error: ";
  case Severity::Warning:
    return "warning: ";
  case Severity::Note:
    return "note: ";
  case Severity::Help:
    return "help: ";
  }
  return "";
}

void renderHead(const Diagnostic &d, std::string &out) {
  if (d.location) {
    const Position at = d.location.position();
    out += d.location.fileName();
    out += ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": ";
  }
  out += word(d.severity) + d.message + '\n';
}

} // namespace

std::string sourceExcerpt(const Location &location) {
  const Source *source = location.source();
  if (!source)
    return "";
  const std::string_view line = source->line(source->lineNumber(location.begin()));
  if (line.find_first_not_of(" \t") == std::string_view::npos)
    return "";
  // The line is a view into the text, so its offset is a difference of pointers.
  const size_t offset = size_t(line.data() - source->text().data());
  const size_t begin = location.begin() - offset;
  const Excerpt shown = excerpt(line, begin, std::max<size_t>(location.end(), 1) - offset);
  return "    " + shown.line + "\n    " + shown.marks + '\n';
}

std::string render(const Diagnostic &diagnostic) {
  std::string out;
  renderHead(diagnostic, out);
  out += sourceExcerpt(diagnostic.location);
  for (const Diagnostic &note : diagnostic.notes)
    renderHead(note, out);
  return out;
}

std::string Diagnostics::render() const {
  std::string out;
  for (const auto &d : kept)
    out += lnx::render(*d);
  if (overflowed)
    out += "note: only the first " + std::to_string(maxErrors) + " errors are shown\n";
  return out;
}

namespace {
std::vector<char32_t> codePoints(std::string_view text) {
  std::vector<char32_t> result;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decode(text, i);
    result.push_back(c.value);
    i += c.length;
  }
  return result;
}

/// Optimal string alignment distance: insert, delete, replace, swap of neighbours.
size_t editDistance(const std::vector<char32_t> &a, const std::vector<char32_t> &b) {
  std::vector<size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}
} // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr size_t maxEdits = 2;
  const std::vector<char32_t> letters = codePoints(word);
  if (letters.size() > 256) // nobody mistypes that
    return std::nullopt;
  size_t best = std::min(maxEdits + 1, letters.size());
  std::optional<std::string> result;
  for (const std::string &candidate : candidates) {
    if (candidate.size() > 4 * (letters.size() + maxEdits))
      continue;
    const size_t distance = editDistance(letters, codePoints(candidate));
    if (distance < best) {
      best = distance;
      result = candidate;
    }
  }
  return result;
}

SourcePtr readSource(const std::string &path, Diagnostics &diagnostics) {
  const auto fail = [&](int code) {
    diagnostics.error("cannot read '" + path + "': " + std::strerror(code));
    return nullptr;
  };
  const std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file)
    return fail(errno);
  std::string text;
  char block[1 << 16];
  while (const size_t n = std::fread(block, 1, sizeof block, file.get())) {
    text.append(block, n);
    if (text.size() > Source::maxBytes) {
      diagnostics.error("'" + path + "' has more than " + std::to_string(Source::maxBytes) +
                        " bytes, the limit of a source file");
      return nullptr;
    }
  }
  if (std::ferror(file.get()))
    return fail(errno);
  return std::make_shared<const Source>(path, std::move(text));
}

} // namespace lnx
