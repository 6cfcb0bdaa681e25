// One leader at a time, and why its writes are fenced.
#include "client/examples/example.h"
#include "client/keelson/recipes/election.h"

using namespace keelson::client;  // NOLINT: an example is read, not included
using keelson::client::recipes::Election;
using keelson::client::recipes::Fence;
using keelson::client::recipes::LeaseSession;
using keelson::examples::Must;

int main(int argc, char** argv) {
  const auto client = keelson::examples::Connect(argc, argv);
  const Kv kv = client->kv();

  // Two candidates; in real life each in a process of its own.
  auto first_session = Must(LeaseSession::Start(*client, {.ttl = 5}));
  auto second_session = Must(LeaseSession::Start(*client, {.ttl = 5}));
  Election first(*first_session, "examples/leader");
  Election second(*second_session, "examples/leader");

  Must(first.Campaign("first"));
  const Fence fence = first.fence();
  Must(fence.Put(kv, "examples/plan", "by first").status());
  std::printf("first leads and writes the plan\n");

  // The first one dies: its session ends, and with it its claim.
  Must(first_session->Close());
  Must(second.Campaign("second", {.timeout = absl::Seconds(30)}));
  const auto leader = Must(Election::Current(*client, "examples/leader"));
  std::printf("%s leads\n", leader->value.c_str());

  // A process that was only paused goes on where it was: it believes that it leads. The store does
  // not: the fence compares the claim in the same transaction.
  const auto late = fence.Put(kv, "examples/plan", "by first, too late");
  std::printf("first's late write: %s\n",
              absl::IsFailedPrecondition(late.status()) ? "refused" : "accepted");
  Must(second.fence().Put(kv, "examples/plan", "by second").status());
  const GetResult plan = Must(kv.Get(KeyRange::Key("examples/plan")));
  std::printf("the plan is: %s\n", plan.kvs.at(0).value.c_str());
  return 0;
}
