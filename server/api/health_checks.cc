#include "server/api/health_checks.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/gate.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

constexpr std::array<std::string_view, 1> kLive = {"serializable_read"};
constexpr std::array<std::string_view, 4> kReady = {"data_corruption", "serializable_read",
                                                    "linearizable_read", "non_learner"};

// Why it failed; empty if it did not.
using Verdict = std::function<void(const std::string& why)>;

void ReadHere(Node& node, const Verdict& verdict) {
  const Duration took = node.status().log_write_for;
  if (took >= kDiskHangs) {
    return verdict(absl::StrCat("the disk hangs: a write to the log has not ended for ",
                                took / std::chrono::milliseconds(1), " ms"));
  }
  const auto read = node.View()->Get("health");
  verdict(read.ok() ? "" : std::string(read.status().message()));
}

void RunCheck(Node& node, std::string_view name, Verdict verdict) {
  if (name == "data_corruption") {
    // Another member's wrong state alone is no reason to send clients away from this one.
    const bool corrupt = node.OutOfService() || node.facts().IsClusterCorrupt();
    return verdict(corrupt ? "alarm activated: CORRUPT" : "");
  }
  if (name == "serializable_read") return ReadHere(node, verdict);
  if (name == "non_learner") return verdict(IsLearner(node) ? "this member is a learner" : "");
  node.WhenReadable([verdict = std::move(verdict)](const absl::Status& status) {
    verdict(status.ok() ? "" : std::string(status.message()));
  });
}

// The checks that are left to make, and what came of those before.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(Node& node, std::vector<std::string_view> names,
      std::function<void(const HealthReport&)> done)
      : node_(node), names_(std::move(names)), done_(std::move(done)) {}

  void Next() {
    if (at_ == names_.size()) return done_(report_);
    RunCheck(node_, names_[at_], [self = shared_from_this()](const std::string& why) {
      const absl::string_view name = ToAbsl(self->names_[self->at_++]);
      if (why.empty()) {
        absl::StrAppend(&self->report_.lines, "[+]", name, " ok\n");
      } else {
        self->report_.ok = false;
        absl::StrAppend(&self->report_.lines, "[-]", name, " failed: ", why, "\n");
      }
      self->Next();
    });
  }

 private:
  Node& node_;
  const std::vector<std::string_view> names_;
  const std::function<void(const HealthReport&)> done_;
  size_t at_ = 0;
  HealthReport report_;
};

}  // namespace

std::span<const std::string_view> HealthCheckNames(bool ready) {
  if (ready) return kReady;
  return kLive;
}

void RunHealthChecks(Node& node, std::vector<std::string_view> names,
                     std::function<void(const HealthReport&)> done) {
  std::make_shared<Run>(node, std::move(names), std::move(done))->Next();
}

}  // namespace keelson::server
