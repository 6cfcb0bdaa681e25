#include "tests/differential/etcdctl_command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace keelson::differential {
namespace {

using Words = std::vector<std::string>;

// Printable keys only: they travel on command lines.
std::string Name(Random& random) {
  static const auto* names =
      new Words{"a", "a/", "a/b", "a/b/c", "a0", "b", "ba", "key", "key1", "key10", "key2", "z"};
  return random.Pick(*names);
}

std::string Value(Random& random) {
  return random.Chance(5) ? "" : absl::StrCat("v", random.Below(20));
}

std::string Revision(Random& random, const World& world) {
  if (random.Chance(10)) return absl::StrCat(world.revision + random.Between(1, 2));
  const int64_t oldest = std::max<int64_t>(world.compacted - 2, 1);
  return absl::StrCat(random.Between(oldest, world.revision));
}

std::string LeaseWord(Random& random, const World& world) {
  if (world.leases.empty() || random.Chance(10)) return "7b";
  return absl::StrCat("@", random.Pick(world.leases));
}

// KEY, KEY END, KEY --prefix or KEY --from-key.
void AddRange(Random& random, Words& words) {
  words.push_back(random.Chance(5) ? "" : Name(random));
  switch (random.Below(5)) {
    case 0:
      words.push_back(Name(random));
      break;
    case 1:
      words.push_back("--prefix");
      break;
    case 2:
      words.push_back("--from-key");
      break;
    default:
      if (words.back().empty()) words.back() = "a";
  }
}

Words Get(Random& random, const World& world) {
  Words words = {"get"};
  AddRange(random, words);
  if (random.Chance(30)) words.push_back("--rev=" + Revision(random, world));
  if (random.Chance(30)) words.push_back(absl::StrCat("--limit=", random.Below(5)));
  if (random.Chance(30)) words.push_back(random.Chance(50) ? "--order=ASCEND" : "--order=DESCEND");
  if (random.Chance(30)) {
    words.push_back("--sort-by=" +
                    random.Pick(Words{"CREATE", "KEY", "MODIFY", "VALUE", "VERSION"}));
  }
  if (random.Chance(15)) words.push_back("--keys-only");
  if (random.Chance(20)) words.push_back("--consistency=s");
  return words;
}

Words Put(Random& random, const World& world) {
  Words words = {"put", Name(random), Value(random)};
  if (random.Chance(25)) words.push_back("--prev-kv");
  if (random.Chance(20)) words.push_back("--lease=" + LeaseWord(random, world));
  if (random.Chance(5)) words = {"put", Name(random), "--ignore-value"};
  if (random.Chance(5)) words.push_back("--ignore-lease");
  return words;
}

Words Del(Random& random) {
  Words words = {"del"};
  AddRange(random, words);
  if (random.Chance(40)) words.push_back("--prev-kv");
  return words;
}

std::string CompareLine(Random& random, const World& world) {
  const std::string target = random.Pick(Words{"mod", "create", "version", "value"});
  const std::string sign = random.Pick(Words{"=", "!=", "<", ">"});
  const std::string operand = target == "value" ? Value(random)
                              : target == "version"
                                  ? absl::StrCat(random.Below(4))
                                  : absl::StrCat(random.Below(world.revision + 1));
  return absl::StrCat(target, "(\"", Name(random), "\") ", sign, " \"", operand, "\"\n");
}

std::string OpLine(Random& random) {
  switch (random.Below(3)) {
    case 0:
      return absl::StrCat("get ", Name(random), random.Chance(50) ? " --prefix" : "", "\n");
    case 1:
      return absl::StrCat("put ", Name(random), " x", random.Below(9), "\n");
    default:
      return absl::StrCat("del ", Name(random), random.Chance(30) ? " --prefix" : "", "\n");
  }
}

std::string TxnInput(Random& random, const World& world) {
  std::string input;
  for (int64_t i = random.Below(3); i > 0; --i) input += CompareLine(random, world);
  input += "\n";
  for (int64_t i = random.Below(4); i > 0; --i) input += OpLine(random);
  input += "\n";
  for (int64_t i = random.Below(3); i > 0; --i) input += OpLine(random);
  return input + "\n";
}

Words Lease(Random& random, const World& world) {
  const std::string lease = LeaseWord(random, world);
  switch (random.Below(6)) {
    case 0:
    case 1:
      return {"lease", "grant", absl::StrCat(3600 + random.Below(1000))};
    case 2:
      return {"lease", "timetolive", lease, "--keys"};
    case 3:
      return {"lease", "keep-alive", "--once", lease};
    case 4:
      return {"lease", "list"};
    default:
      return {"lease", "revoke", lease};
  }
}

EtcdctlCommand Watch(Random& random, const World& world) {
  EtcdctlCommand command;
  command.marker_key = Name(random);
  command.words = {"watch", command.marker_key};
  if (random.Chance(60)) command.words.push_back("--prefix");
  if (random.Chance(50)) command.words.push_back("--prev-kv");
  const int64_t oldest = std::max<int64_t>(world.compacted - 2, 1);
  command.words.push_back(
      absl::StrCat("--rev=", random.Between(oldest, std::max(oldest, world.revision))));
  return command;
}

}  // namespace

std::string EtcdctlCommand::Describe() const {
  std::string text = "etcdctl -w json " + absl::StrJoin(words, " ");
  if (!input.empty()) absl::StrAppend(&text, " <<EOF\n", input, "EOF");
  return text;
}

EtcdctlCommand RandomEtcdctlCommand(Random& random, const World& world) {
  const int64_t choice = random.Below(100);
  if (choice < 40) return {.words = Get(random, world)};
  if (choice < 62) return {.words = Put(random, world)};
  if (choice < 68) return {.words = Del(random)};
  if (choice < 80) return {.words = {"txn"}, .input = TxnInput(random, world)};
  if (choice < 94) return {.words = Lease(random, world)};
  if (choice < 95) {
    const int64_t kept = std::max<int64_t>((world.revision - world.compacted) / 2, 1);
    return {.words = {"compaction", absl::StrCat(world.compacted + random.Below(kept + 1))}};
  }
  return Watch(random, world);
}

}  // namespace keelson::differential
