#include "client/kvctl/txn_text.h"

#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/kvctl/kv_arguments.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

using client::Compare;
using client::Op;
using Target = Compare::Target;
using Relation = Compare::Relation;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string_view Stripped(std::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(View(text));
  return {stripped.data(), stripped.size()};
}

absl::StatusOr<Target> ParseTarget(std::string_view name) {
  if (name == "ver" || name == "version") return Target::kVersion;
  if (name == "c" || name == "create") return Target::kCreateRevision;
  if (name == "m" || name == "mod") return Target::kModRevision;
  if (name == "val" || name == "value") return Target::kValue;
  if (name == "lease") return Target::kLease;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", View(name), "\" can't be compared; give mod, create, version, value or lease"));
}

// Takes the relation at the start of `text`.
absl::StatusOr<Relation> TakeRelation(std::string_view& text) {
  const size_t end = text.find_first_not_of("=!<>");
  const std::string_view sign = text.substr(0, end);
  text.remove_prefix(std::min(sign.size(), text.size()));
  if (sign == "=" || sign == "==") return Relation::kEqual;
  if (sign == "!=") return Relation::kNotEqual;
  if (sign == "<") return Relation::kLess;
  if (sign == ">") return Relation::kGreater;
  return absl::InvalidArgumentError("give =, !=, < or > between the key and the value");
}

absl::StatusOr<int64_t> ParseOperand(Target target, const std::string& text) {
  if (target == Target::kLease) return ParseLeaseId(text);
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a number"));
}

absl::StatusOr<Op> OpFromWords(const std::string& verb, std::vector<std::string> words) {
  if (verb == "get") {
    const auto flags = ParseFlags(GetFlags(), words);
    if (!flags.ok()) return flags.status();
    const auto get = ReadGetArguments(*flags);
    if (!get.ok()) return get.status();
    return Op::Get(get->range, get->options);
  }
  if (verb == "put") {
    const auto flags = ParseFlags(PutFlags(), words);
    if (!flags.ok()) return flags.status();
    const auto put = ReadPutArguments(*flags);
    if (!put.ok()) return put.status();
    if (!put->value) return absl::InvalidArgumentError("put needs a value here");
    return Op::Put(put->key, *put->value, put->options);
  }
  if (verb == "del") {
    const auto flags = ParseFlags(DeleteFlags(), words);
    if (!flags.ok()) return flags.status();
    const auto del = ReadDeleteArguments(*flags);
    if (!del.ok()) return del.status();
    return Op::Delete(del->range, del->options);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", verb, "\" is no operation; give get, put or del"));
}

struct Lines {
  std::istream& in;
  // A person who ends the input early gives up; a text that ends may have left its end out.
  bool must_end = false;
  int number = 0;
};

// Reads lines up to an empty one or the end, giving each to `take`.
absl::Status ReadBlock(Lines& lines, const std::function<absl::Status(std::string_view)>& take) {
  std::string line;
  while (std::getline(lines.in, line)) {
    ++lines.number;
    const std::string_view text = Stripped(line);
    if (text.empty()) return absl::OkStatus();
    if (const absl::Status status = take(text); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", lines.number, " (", View(text), "): ", status.message()));
    }
  }
  if (!lines.must_end) return absl::OkStatus();
  return absl::InvalidArgumentError("given up: an empty line ends each block; nothing was sent");
}

}  // namespace

absl::StatusOr<Compare> ParseCompare(std::string_view line) {
  const size_t open = line.find('(');
  if (open == std::string_view::npos) {
    return absl::InvalidArgumentError("a comparison looks like: mod(\"key\") > \"0\"");
  }
  const auto target = ParseTarget(Stripped(line.substr(0, open)));
  if (!target.ok()) return target.status();
  std::string_view rest = Stripped(line.substr(open + 1));
  const auto key = TakeQuoted(rest);
  if (!key.ok()) return key.status();
  rest = Stripped(rest);
  if (rest.empty() || rest[0] != ')') {
    return absl::InvalidArgumentError("no ) after the key");
  }
  rest = Stripped(rest.substr(1));
  const auto relation = TakeRelation(rest);
  if (!relation.ok()) return relation.status();
  rest = Stripped(rest);
  const auto operand = TakeQuoted(rest);
  if (!operand.ok()) return operand.status();
  if (!Stripped(rest).empty()) {
    return absl::InvalidArgumentError(absl::StrCat("too much after the value: ", View(rest)));
  }
  if (*target == Target::kValue) return Compare::Make(*target, *key, *relation, *operand);
  const auto number = ParseOperand(*target, *operand);
  if (!number.ok()) return number.status();
  return Compare::Make(*target, *key, *relation, *number);
}

absl::StatusOr<Op> ParseOp(std::string_view line) {
  auto words = SplitWords(line);
  if (!words.ok()) return words.status();
  if (words->empty()) return absl::InvalidArgumentError("no operation");
  const std::string verb = words->front();
  words->erase(words->begin());
  return OpFromWords(verb, *std::move(words));
}

absl::StatusOr<client::Txn> ReadTxn(std::istream& in, std::ostream* prompts) {
  client::Txn txn;
  Lines lines{.in = in, .must_end = prompts != nullptr};
  const auto prompt = [prompts](const char* text) {
    if (prompts != nullptr) *prompts << text << std::flush;
  };
  const auto operation = [](client::Txn& (client::Txn::*add)(Op), client::Txn& to) {
    return [add, &to](std::string_view line) {
      auto op = ParseOp(line);
      if (op.ok()) (to.*add)(*std::move(op));
      return op.status();
    };
  };
  prompt("compares:\n");
  absl::Status status = ReadBlock(lines, [&txn](std::string_view line) {
    auto compare = ParseCompare(line);
    if (compare.ok()) txn.If(*std::move(compare));
    return compare.status();
  });
  if (!status.ok()) return status;
  prompt("success requests (get, put, del):\n");
  status = ReadBlock(lines, operation(&client::Txn::Then, txn));
  if (!status.ok()) return status;
  prompt("failure requests (get, put, del):\n");
  status = ReadBlock(lines, operation(&client::Txn::Else, txn));
  if (!status.ok()) return status;
  return txn;
}

}  // namespace keelson::kvctl
