// Drives a reference and a subject through the same random operations and compares their answers.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/flags.h"
#include "tests/differential/etcdctl_mode.h"
#include "tests/differential/json_server.h"
#include "tests/differential/unary_mode.h"
#include "tests/harness/test_cluster.h"

namespace keelson::differential {
namespace {

using kvctl::FlagSpec;
using testing::TestCluster;
using Kind = FlagSpec::Kind;

// ctest counts this exit code as "skipped".
constexpr int kSkipped = 77;

std::vector<FlagSpec> Flags() {
  return {{.name = "reference", .kind = Kind::kString, .fallback = "etcd"},
          {.name = "subject", .kind = Kind::kString},
          {.name = "subject-flag", .kind = Kind::kWords},
          {.name = "mode",
           .kind = Kind::kString,
           .fallback = "grpc",
           .choices = {"grpc", "json", "etcdctl"}},
          {.name = "seed", .kind = Kind::kInt},
          {.name = "ops", .kind = Kind::kInt, .fallback = "1000"},
          {.name = "max-failures", .kind = Kind::kInt, .fallback = "10"},
          {.name = "help", .fallback = "false"}};
}

constexpr char kUsage[] = R"(differential: compares two servers of etcd's API, answer by answer.

  --reference WHAT    a server binary, or HOST:PORT of one that runs with a fresh store (etcd)
  --subject WHAT      the same; default $KEELSON_TEST_SERVER, else etcd
  --subject-flag FLAG a flag for the subject's binary; may be repeated
  --mode grpc|json|etcdctl
                      over generated stubs, over the JSON gateways, or through
                      `etcdctl -w json` (grpc)
  --seed N            repeats a run; without it a new one is chosen and printed
  --ops N             how many operations (1000)
  --max-failures N    stop after so many differences (10)

Exits with 0 if every difference has an exception, 1 if not, 77 if a server or etcdctl is missing.
)";

// A server to compare: one that runs already, or one member started for this run.
struct Party {
  std::unique_ptr<TestCluster> cluster;
  std::string endpoint;
};

absl::StatusOr<Party> StartParty(const std::string& what, std::vector<std::string> extra_flags) {
  if (absl::StrContains(what, ":")) return Party{.cluster = nullptr, .endpoint = what};
  const auto binary = testing::FindProgram(what);
  if (!binary) return absl::NotFoundError(absl::StrCat("\"", what, "\" is not installed"));
  auto cluster =
      TestCluster::Start({.members = 1, .binary = *binary, .extra_flags = std::move(extra_flags)});
  if (!cluster.ok()) return cluster.status();
  const std::string endpoint = (*cluster)->endpoints()[0];
  return Party{.cluster = *std::move(cluster), .endpoint = endpoint};
}

std::string DefaultSubject() {
  const char* chosen = std::getenv("KEELSON_TEST_SERVER");
  return chosen != nullptr && *chosen != '\0' ? chosen : "etcd";
}

int Fail(const absl::Status& status) {
  std::cerr << "differential: " << status << "\n";
  if (!absl::IsNotFound(status)) return 1;
  std::cerr << "SKIPPED, NOTHING WAS COMPARED\n";
  return kSkipped;
}

int Main(const std::vector<std::string>& words) {
  const auto flags = kvctl::ParseFlags(Flags(), words);
  if (!flags.ok() || flags->Bool("help")) {
    if (!flags.ok()) std::cerr << flags.status() << "\n";
    std::cerr << kUsage;
    return flags.ok() ? 0 : 2;
  }
  const std::string mode = flags->String("mode");
  if (mode == "etcdctl" && !testing::FindProgram("etcdctl")) {
    return Fail(absl::NotFoundError("etcdctl is not installed (Debian's etcd-client)"));
  }
  const std::string reference_name = flags->String("reference");
  const std::string subject_name =
      flags->Given("subject") ? flags->String("subject") : DefaultSubject();
  const auto reference = StartParty(reference_name, {});
  if (!reference.ok()) return Fail(reference.status());
  const auto subject = StartParty(subject_name, flags->List("subject-flag"));
  if (!subject.ok()) return Fail(subject.status());

  const auto seed =
      flags->Given("seed") ? static_cast<uint64_t>(flags->Int("seed")) : std::random_device{}();
  const std::string replay =
      absl::StrCat("differential --mode ", mode, " --reference ", reference_name, " --subject ",
                   subject_name, " --seed ", seed);
  std::cout << replay << " --ops " << flags->Int("ops") << "\n" << std::flush;
  Report report(std::cout, replay, static_cast<int>(flags->Int("max-failures")));
  if (mode == "etcdctl") {
    RunEtcdctlMode(seed, flags->Int("ops"), reference->endpoint, subject->endpoint, report);
  } else if (mode == "json") {
    const auto reference_server = ConnectGateway(reference->endpoint, seed);
    const auto subject_server = ConnectGateway(subject->endpoint, seed);
    CompareServers(seed, flags->Int("ops"), *reference_server, *subject_server,
                   WatchForm::kOneByStream, report);
  } else {
    const auto reference_server = ConnectServer(reference->endpoint);
    const auto subject_server = ConnectServer(subject->endpoint);
    CompareServers(seed, flags->Int("ops"), *reference_server, *subject_server, WatchForm::kFull,
                   report);
  }
  report.PrintSummary();
  return report.failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace keelson::differential

int main(int argc, char** argv) {
  return keelson::differential::Main(std::vector<std::string>(argv + 1, argv + argc));
}
