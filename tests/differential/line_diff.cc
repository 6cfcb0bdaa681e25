#include "tests/differential/line_diff.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"

namespace keelson::differential {
namespace {

using Lines = std::vector<std::string>;

// Longer texts are cut: the first lines that differ tell enough.
constexpr size_t kMaxLines = 1000;
constexpr size_t kContext = 2;

Lines Split(const std::string& text) {
  Lines lines = absl::StrSplit(text, '\n');
  if (lines.size() > kMaxLines) lines.resize(kMaxLines);
  return lines;
}

// lengths[i][j]: the longest common subsequence of a from i on and b from j on.
std::vector<std::vector<int>> CommonLengths(const Lines& a, const Lines& b) {
  std::vector<std::vector<int>> lengths(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      lengths[i][j] =
          a[i] == b[j] ? lengths[i + 1][j + 1] + 1 : std::max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

// All lines, marked by where they are.
Lines Marked(const Lines& a, const Lines& b) {
  const auto lengths = CommonLengths(a, b);
  Lines marked;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      marked.push_back("  " + a[i++]);
      ++j;
    } else if (j == b.size() || (i < a.size() && lengths[i + 1][j] >= lengths[i][j + 1])) {
      marked.push_back("- " + a[i++]);
    } else {
      marked.push_back("+ " + b[j++]);
    }
  }
  return marked;
}

}  // namespace

std::string LineDiff(const std::string& reference, const std::string& subject) {
  if (reference == subject) return "";
  const Lines marked = Marked(Split(reference), Split(subject));
  std::vector<bool> shown(marked.size());
  for (size_t i = 0; i < marked.size(); ++i) {
    if (marked[i][0] == ' ') continue;
    const size_t end = std::min(i + kContext + 1, marked.size());
    for (size_t near = i - std::min(i, kContext); near < end; ++near) shown[near] = true;
  }
  std::string diff;
  for (size_t i = 0; i < marked.size(); ++i) {
    if (shown[i]) diff += "    " + marked[i] + "\n";
    if (!shown[i] && i > 0 && shown[i - 1]) diff += "    ...\n";
  }
  return diff;
}

}  // namespace keelson::differential
