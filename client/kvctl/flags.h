// Flags of commands with sub-commands: GNU spelling, mixed with arguments, each command its own
// set.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::kvctl {

struct FlagSpec {
  enum class Kind {
    kBool,      // --name, --name=true, --name=false; never takes the next word
    kString,    // --name VALUE or --name=VALUE, as all below
    kInt,       // a decimal number
    kDuration,  // 5s, 1m30s, 250ms
    kList,      // comma-separated; given again it adds
    kWords,     // given again it adds; commas belong to the word
  };
  std::string name;
  Kind kind = Kind::kBool;
  std::string value_name = {};  // for help: "--name VALUE_NAME"
  std::string help = {};
  std::string fallback = {};  // the text used when the flag is not given
  std::string short_name = {};
  std::vector<std::string> aliases = {};
  // Completes the allowed values, for a kString that has few. Empty: any.
  std::vector<std::string> choices = {};
  // Nobody else may read a file that sets it.
  bool secret = false;
  // Why another value than `choices` is refused; without choices: why any is.
  std::string refusal = {};
  // Known, but not suggested to anybody.
  bool hidden = false;
};

// A flag of etcdctl's that has no effect here; in no help.
FlagSpec TakenFlag(const std::string& name, FlagSpec::Kind kind, const std::string& fallback);
// One that is refused, since who gives it counts on it; a switch may be given as `harmless`.
FlagSpec RefusedFlag(const std::string& name, const std::string& refusal,
                     const std::string& harmless = "");
inline constexpr char kNoTls[] = "this version has no TLS: leave it out, and write HOST:PORT";
inline constexpr char kNoAuthentication[] = "this version has no authentication: leave it out";

// What the command line said. Lookups of flags that were not declared are bugs.
class ParsedFlags {
 public:
  bool Given(const std::string& name) const;
  bool Bool(const std::string& name) const;
  int64_t Int(const std::string& name) const;
  absl::Duration Duration(const std::string& name) const;
  const std::string& String(const std::string& name) const;
  // kList and kWords.
  const std::vector<std::string>& List(const std::string& name) const;
  // What is not a flag, in order.
  const std::vector<std::string>& arguments() const { return arguments_; }
  // Takes from the arguments the program that a "--" leads to: `kvctl watch KEY -- PROGRAM WORD`.
  // Where the first "--" comes before all arguments it is the one before a KEY that looks like a
  // flag, and the second counts. Empty without one; InvalidArgument where nothing follows it.
  absl::StatusOr<std::vector<std::string>> TakeProgram();

 private:
  friend class FlagParser;
  struct Value {
    FlagSpec::Kind kind;
    bool given = false;
    std::vector<std::string> texts;
  };
  const Value& Find(const std::string& name, FlagSpec::Kind kind) const;

  std::map<std::string, Value> values_;
  std::vector<std::string> arguments_;
  // How many arguments came before the first "--"; all of them without one.
  size_t before_dashes_ = 0;
  bool has_dashes_ = false;
};

// Parses `words` by `specs`; after "--" everything is an argument. InvalidArgument names the flag,
// and the nearest known one for a misspelling.
absl::StatusOr<ParsedFlags> ParseFlags(const std::vector<FlagSpec>& specs,
                                       const std::vector<std::string>& words);

// The first argument's position among `words` when only the flags of `specs` come before it;
// words.size() if there is none.
size_t FirstArgument(const std::vector<FlagSpec>& specs, const std::vector<std::string>& words);

// The candidate that differs least from `word`, or "" when none is close.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace keelson::kvctl
