#include "tests/differential/etcdctl_mode.h"

#include <algorithm>
#include <map>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/differential/etcdctl_command.h"
#include "tests/harness/process.h"

namespace keelson::differential {
namespace {

using testing::CommandResult;

// The number after `name` in JSON text, or 0.
int64_t NumberAfter(const std::string& text, const std::string& name) {
  const size_t at = text.find("\"" + name + "\":");
  if (at == std::string::npos) return 0;
  int64_t number = 0;
  const size_t begin = at + name.size() + 3;
  const size_t end = text.find_first_not_of("0123456789", begin);
  const std::string digits = text.substr(begin, end == std::string::npos ? end : end - begin);
  return absl::SimpleAtoi(digits, &number) ? number : 0;
}

// Sorts the elements of a flat JSON array, whose order is not promised.
std::string SortArray(const std::string& text, const std::string& name) {
  const std::string opening = "\"" + name + "\":[";
  const size_t begin = text.find(opening);
  if (begin == std::string::npos) return text;
  const size_t from = begin + opening.size();
  const size_t to = text.find(']', from);
  std::vector<std::string> items = absl::StrSplit(text.substr(from, to - from), ',');
  std::sort(items.begin(), items.end());
  return text.substr(0, from) + absl::StrJoin(items, ",") + text.substr(to);
}

// All changes of a watch's output in one line: how many came in one answer is a matter of timing,
// as is the store's revision by then.
std::string JoinedChanges(const std::string& text) {
  std::string joined;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t from = line.find("\"Events\":[");
    const size_t to = line.rfind("],\"CompactRevision\"");
    const bool changes = from != line.npos && to != line.npos && to > from + 10;
    if (changes) {
      absl::StrAppend(&joined, joined.empty() ? "" : ",", line.substr(from + 10, to - from - 10));
    } else if (!line.empty()) {
      absl::StrAppend(&joined, "\n", line, "\n");
    }
  }
  return absl::StrReplaceAll(joined, {{"},{\"", "},\n{\""}});
}

// One server behind etcdctl.
class Side {
 public:
  explicit Side(std::string endpoint) : endpoint_(std::move(endpoint)) {}

  CommandResult Run(const EtcdctlCommand& command) {
    std::vector<std::string> argv = {"etcdctl", "--endpoints=" + endpoint_, "-w", "json"};
    for (const std::string& word : command.words) argv.push_back(WithLease(word));
    testing::CommandOptions options{.input = command.input, .environment = {"ETCDCTL_API=3"}};
    if (command.stop_at_revision > 0) {
      const std::string change = absl::StrCat("\"mod_revision\":", command.stop_at_revision, ",");
      options.until = [change](const std::string& out) {
        const size_t at = out.find(change);
        return at != std::string::npos && out.find('\n', at) != std::string::npos;
      };
    }
    return testing::RunCommand(argv, options);
  }

  void AddLease(int64_t handle, int64_t id) { leases_[handle] = id; }

  // Output, errors and exit code without what differs between correct servers.
  std::string Normalised(const EtcdctlCommand& command, const CommandResult& result) const {
    std::string out = command.stop_at_revision > 0 ? JoinedChanges(result.out) : result.out;
    static const auto* ids = new std::regex("\"(cluster_id|member_id|raft_term)\":[0-9]+,?");
    static const auto* ttl = new std::regex("\"ttl\":[0-9]+");
    out = std::regex_replace(out, *ids, "");
    out = absl::StrReplaceAll(out, {{",}", "}"}});
    out = std::regex_replace(out, *ttl, "\"ttl\":N");
    out = SortArray(SortArray(WithoutLeases(out), "leases"), "keys");
    std::string text = absl::StrCat("exit code ", result.exit_code, "\n", out);
    for (absl::string_view line : absl::StrSplit(result.err, '\n', absl::SkipEmpty())) {
      // etcdctl's own log lines carry times.
      if (!absl::StartsWith(line, "{\"level\"")) {
        absl::StrAppend(&text, WithoutLeases(std::string(line)), "\n");
      }
    }
    // One field a line, for the difference to be seen.
    return absl::StrReplaceAll(text, {{",\"", ",\n\""}});
  }

 private:
  std::string WithLease(const std::string& word) const {
    const size_t at = word.find('@');
    int64_t handle = 0;
    if (at == std::string::npos || !absl::SimpleAtoi(word.substr(at + 1), &handle)) return word;
    return word.substr(0, at) + absl::StrFormat("%x", leases_.at(handle));
  }

  std::string WithoutLeases(std::string text) const {
    for (const auto& [handle, id] : leases_) {
      const std::string name = absl::StrCat("lease#", handle);
      text =
          absl::StrReplaceAll(text, {{absl::StrCat(id), name}, {absl::StrFormat("%x", id), name}});
    }
    return text;
  }

  const std::string endpoint_;
  std::map<int64_t, int64_t> leases_;  // the driver's name -> the server's id
};

class EtcdctlComparison {
 public:
  EtcdctlComparison(uint64_t seed, const std::string& reference, const std::string& subject,
                    Report& report)
      : random_(seed), reference_(reference), subject_(subject), report_(report) {}

  void Run(int64_t ops) {
    for (int64_t op = 0; op < ops && !report_.Hopeless(); ++op) {
      EtcdctlCommand command = RandomEtcdctlCommand(random_, world_);
      if (!command.marker_key.empty()) {
        Compare(op, {.words = {"put", command.marker_key, "marker"}});
        command.stop_at_revision = world_.revision;
      }
      Compare(op, command);
    }
    Compare(ops, {.words = {"get", "", "--prefix"}});
  }

 private:
  void Compare(int64_t op, const EtcdctlCommand& command) {
    const CommandResult reference = reference_.Run(command);
    const CommandResult subject = subject_.Run(command);
    Learn(command, reference, subject);
    const std::string name =
        command.words[0] == "lease" ? "lease " + command.words[1] : command.words[0];
    report_.Count(absl::StrCat(name, " exit ", reference.exit_code));
    const std::string reference_text = reference_.Normalised(command, reference);
    const std::string subject_text = subject_.Normalised(command, subject);
    if (reference_text == subject_text) return;
    report_.Take(op, command.Describe(),
                 {.reference_text = reference_text, .subject_text = subject_text});
  }

  void Learn(const EtcdctlCommand& command, const CommandResult& reference,
             const CommandResult& subject) {
    if (reference.exit_code != 0) return;
    world_.revision = std::max(world_.revision, NumberAfter(reference.out, "revision"));
    const std::vector<std::string>& words = command.words;
    if (words[0] == "compaction") {
      int64_t revision = 0;
      if (absl::SimpleAtoi(words[1], &revision)) world_.compacted = revision;
    } else if (words[0] == "lease" && words[1] == "grant") {
      const int64_t handle = world_.next_handle++;
      world_.leases.push_back(handle);
      reference_.AddLease(handle, NumberAfter(reference.out, "ID"));
      subject_.AddLease(handle, NumberAfter(subject.out, "ID"));
    } else if (words[0] == "lease" && words[1] == "revoke") {
      int64_t handle = 0;
      if (!absl::SimpleAtoi(absl::StripPrefix(words[2], "@"), &handle)) return;
      world_.leases.erase(std::remove(world_.leases.begin(), world_.leases.end(), handle),
                          world_.leases.end());
    }
  }

  Random random_;
  Side reference_;
  Side subject_;
  Report& report_;
  World world_;
};

}  // namespace

void RunEtcdctlMode(uint64_t seed, int64_t ops, const std::string& reference,
                    const std::string& subject, Report& report) {
  EtcdctlComparison(seed, reference, subject, report).Run(ops);
}

}  // namespace keelson::differential
