// A holder that believes in its claim until the store refuses its write: it never asks whether its
// session is lost. fencing_worker ENDPOINTS lock|election|unfenced NAME ID
//
// Writes "ID TOKEN" to NAME-ledger as long as it can, and says what happens to it, a line each:
// "holds TOKEN", "refused TOKEN".
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/keelson/recipes/election.h"
#include "client/keelson/recipes/lock.h"

namespace keelson::client::recipes {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);

struct Job {
  std::string kind;
  std::string name;
  std::string id;
};

void Say(const char* what, int64_t token) {
  std::printf("%s %lld\n", what, static_cast<long long>(token));
  std::fflush(stdout);
}

// Until the store refuses.
void Write(const Client& client, const Job& job, const LeaseSession& session, const Fence& fence) {
  Say("holds", fence.token());
  const std::string ledger = job.name + "-ledger";
  const std::string entry = absl::StrCat(job.id, " ", fence.token());
  while (true) {
    const absl::Status written = job.kind == "unfenced"
                                     ? client.kv().Put(ledger, entry).status()
                                     : fence.Put(client.kv(), ledger, entry).status();
    if (absl::IsFailedPrecondition(written)) return Say("refused", fence.token());
    session.WaitLost(kPause);
  }
}

void HoldOnce(const Client& client, const Job& job) {
  const auto session = LeaseSession::Start(client, {.ttl = 1});
  if (!session.ok()) return;
  if (job.kind == "election") {
    Election election(**session, job.name);
    if (election.Campaign(job.id).ok()) Write(client, job, **session, election.fence());
  } else {
    Lock lock(**session, job.name);
    if (lock.Acquire().ok()) Write(client, job, **session, lock.fence());
  }
}

}  // namespace
}  // namespace keelson::client::recipes

int main(int argc, char** argv) {
  namespace client = keelson::client;
  if (argc != 5) return 2;
  const auto made =
      client::Client::Create({.endpoints = std::vector<std::string>(absl::StrSplit(argv[1], ',')),
                              .timeout = absl::Seconds(1),
                              .dial_timeout = absl::Milliseconds(500)});
  if (!made.ok()) return 2;
  while (true) client::recipes::HoldOnce(**made, {argv[2], argv[3], argv[4]});
}
