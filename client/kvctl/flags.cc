#include "client/kvctl/flags.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/check.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

bool LooksLikeFlag(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// "--name=value", "--name", "-n=value" or "-n" taken apart.
struct Word {
  std::string name;
  std::optional<std::string> value;
};

Word TakeApart(const std::string& word) {
  const size_t dashes = absl::StartsWith(word, "--") ? 2 : 1;
  const size_t equals = word.find('=');
  if (equals == std::string::npos) return {word.substr(dashes), std::nullopt};
  return {word.substr(dashes, equals - dashes), word.substr(equals + 1)};
}

const FlagSpec* FindSpec(const std::vector<FlagSpec>& specs, const std::string& name) {
  for (const FlagSpec& spec : specs) {
    if (spec.name == name || (!name.empty() && spec.short_name == name)) return &spec;
    if (std::find(spec.aliases.begin(), spec.aliases.end(), name) != spec.aliases.end()) {
      return &spec;
    }
  }
  return nullptr;
}

absl::Status CheckText(const FlagSpec& spec, const std::string& text) {
  const auto bad = [&](const std::string& expected) {
    return absl::InvalidArgumentError(absl::StrCat("--", spec.name, "=", text, ": ", expected));
  };
  int64_t number = 0;
  absl::Duration duration;
  switch (spec.kind) {
    case Kind::kBool:
      if (text != "true" && text != "false") return bad("give true or false");
      break;
    case Kind::kInt:
      if (!absl::SimpleAtoi(text, &number)) return bad("give a number");
      break;
    case Kind::kDuration:
      if (!absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration()) {
        return bad("give a time such as 5s, 1m30s or 250ms");
      }
      break;
    case Kind::kString:
    case Kind::kList:
    case Kind::kWords:
      break;
  }
  if (text.empty() || (spec.choices.empty() && spec.refusal.empty())) return absl::OkStatus();
  const bool allowed =
      std::find(spec.choices.begin(), spec.choices.end(), text) != spec.choices.end();
  if (allowed) return absl::OkStatus();
  if (spec.refusal.empty()) {
    return bad(absl::StrCat("give one of ", absl::StrJoin(spec.choices, ", ")));
  }
  // Without the value: it may be a password.
  return absl::InvalidArgumentError(absl::StrCat("--", spec.name, ": ", spec.refusal));
}

// How many letters are wrong, missing, too many, or swapped with the next one.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, substituted});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.size()][b.size()];
}

// "-wjson": a short flag with its value behind it.
std::optional<Word> WithItsValue(const std::vector<FlagSpec>& specs, const std::string& word) {
  if (word.size() < 3 || word[1] == '-') return std::nullopt;
  const FlagSpec* spec = FindSpec(specs, word.substr(1, 1));
  if (spec == nullptr || spec->kind == Kind::kBool) return std::nullopt;
  return Word{word.substr(1, 1), word.substr(2)};
}

}  // namespace

FlagSpec TakenFlag(const std::string& name, Kind kind, const std::string& fallback) {
  return {.name = name, .kind = kind, .fallback = fallback, .hidden = true};
}

FlagSpec RefusedFlag(const std::string& name, const std::string& refusal,
                     const std::string& harmless) {
  FlagSpec flag = TakenFlag(name, harmless.empty() ? Kind::kString : Kind::kBool, harmless);
  if (!harmless.empty()) flag.choices = {harmless};
  flag.refusal = refusal;
  return flag;
}

std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = Distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

class FlagParser {
 public:
  explicit FlagParser(const std::vector<FlagSpec>& specs) : specs_(specs) {
    for (const FlagSpec& spec : specs) {
      ParsedFlags::Value value{.kind = spec.kind, .given = false, .texts = {}};
      Add(spec, spec.fallback, value);
      result_.values_[spec.name] = value;
    }
  }

  absl::StatusOr<ParsedFlags> Parse(const std::vector<std::string>& words) {
    bool only_arguments = false;
    for (size_t at = 0; at < words.size(); ++at) {
      if (only_arguments || !LooksLikeFlag(words[at])) {
        result_.arguments_.push_back(words[at]);
      } else if (words[at] == "--") {
        only_arguments = true;
        result_.has_dashes_ = true;
        result_.before_dashes_ = result_.arguments_.size();
      } else if (auto status = TakeFlag(words, at); !status.ok()) {
        return status;
      }
    }
    if (!only_arguments) result_.before_dashes_ = result_.arguments_.size();
    return std::move(result_);
  }

 private:
  // Takes the flag at `at`, and moves on to its value if that is a word of its own.
  absl::Status TakeFlag(const std::vector<std::string>& words, size_t& at) {
    Word word = TakeApart(words[at]);
    const FlagSpec* spec = FindSpec(specs_, word.name);
    if (spec == nullptr) {
      const auto taken = WithItsValue(specs_, words[at]);
      if (!taken) return Unknown(words[at], word.name);
      word = *taken;
      spec = FindSpec(specs_, word.name);
    }
    if (!word.value) {
      if (spec->kind == Kind::kBool) {
        word.value = "true";
      } else if (at + 1 < words.size()) {
        word.value = words[++at];
      } else {
        return absl::InvalidArgumentError(absl::StrCat("--", spec->name, " needs a value"));
      }
    }
    if (auto status = CheckText(*spec, *word.value); !status.ok()) return status;
    ParsedFlags::Value& value = result_.values_[spec->name];
    const bool adds = spec->kind == Kind::kList || spec->kind == Kind::kWords;
    if (!adds || !value.given) value.texts.clear();
    value.given = true;
    Add(*spec, *word.value, value);
    return absl::OkStatus();
  }

  static void Add(const FlagSpec& spec, const std::string& text, ParsedFlags::Value& value) {
    if (spec.kind == Kind::kList) {
      for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
        value.texts.emplace_back(part);
      }
    } else if (spec.kind != Kind::kWords || !text.empty()) {
      value.texts.push_back(text);
    }
  }

  absl::Status Unknown(const std::string& word, const std::string& name) const {
    std::vector<std::string> names;
    for (const FlagSpec& spec : specs_) {
      if (!spec.hidden) names.push_back(spec.name);
    }
    const std::string nearest = Nearest(name, names);
    const std::string hint = nearest.empty()
                                 ? " (a word that begins with - and is no flag goes after --)"
                                 : absl::StrCat("; did you mean --", nearest, "?");
    return absl::InvalidArgumentError(absl::StrCat("unknown flag ", word, hint));
  }

  const std::vector<FlagSpec>& specs_;
  ParsedFlags result_;
};

absl::StatusOr<ParsedFlags> ParseFlags(const std::vector<FlagSpec>& specs,
                                       const std::vector<std::string>& words) {
  return FlagParser(specs).Parse(words);
}

size_t FirstArgument(const std::vector<FlagSpec>& specs, const std::vector<std::string>& words) {
  size_t at = 0;
  while (at < words.size() && LooksLikeFlag(words[at]) && words[at] != "--") {
    const Word word = TakeApart(words[at]);
    const FlagSpec* spec = FindSpec(specs, word.name);
    const bool takes_next = spec != nullptr && spec->kind != Kind::kBool && !word.value;
    at += takes_next ? 2 : 1;
  }
  return std::min(at, words.size());
}

const ParsedFlags::Value& ParsedFlags::Find(const std::string& name, FlagSpec::Kind kind) const {
  const auto found = values_.find(name);
  KEELSON_CHECK(found != values_.end(), "a command asks for a flag that it did not declare");
  KEELSON_CHECK(found->second.kind == kind, "a command asks for a flag as another kind");
  return found->second;
}

absl::StatusOr<std::vector<std::string>> ParsedFlags::TakeProgram() {
  auto begin = arguments_.begin() + static_cast<std::ptrdiff_t>(before_dashes_);
  if (before_dashes_ == 0) begin = std::find(arguments_.begin(), arguments_.end(), "--");
  auto program = begin;
  if (before_dashes_ == 0 && program != arguments_.end()) ++program;
  const bool leads_on = before_dashes_ == 0 ? program != begin : has_dashes_;
  std::vector<std::string> words(program, arguments_.end());
  arguments_.erase(begin, arguments_.end());
  if (leads_on && words.empty()) {
    return absl::InvalidArgumentError("no program follows the --; name one, or leave it out");
  }
  return words;
}

bool ParsedFlags::Given(const std::string& name) const {
  const auto found = values_.find(name);
  KEELSON_CHECK(found != values_.end(), "a command asks for a flag that it did not declare");
  return found->second.given;
}

bool ParsedFlags::Bool(const std::string& name) const {
  return Find(name, Kind::kBool).texts.back() == "true";
}

int64_t ParsedFlags::Int(const std::string& name) const {
  int64_t number = 0;
  const bool valid = absl::SimpleAtoi(Find(name, Kind::kInt).texts.back(), &number);
  KEELSON_CHECK(valid || !Given(name), "numbers are checked when parsed");
  return number;
}

absl::Duration ParsedFlags::Duration(const std::string& name) const {
  absl::Duration duration;
  const bool valid = absl::ParseDuration(Find(name, Kind::kDuration).texts.back(), &duration);
  KEELSON_CHECK(valid, "durations are checked when parsed, and have a fallback");
  return duration;
}

const std::string& ParsedFlags::String(const std::string& name) const {
  return Find(name, Kind::kString).texts.back();
}

const std::vector<std::string>& ParsedFlags::List(const std::string& name) const {
  const auto found = values_.find(name);
  KEELSON_CHECK(found != values_.end(), "a command asks for a flag that it did not declare");
  return found->second.texts;
}

}  // namespace keelson::kvctl
