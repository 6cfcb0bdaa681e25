// Services register under a lease; others find them, also while the cluster has no quorum.
#include "client/examples/example.h"
#include "client/keelson/recipes/lease_session.h"

using namespace keelson::client;  // NOLINT: an example is read, not included
using keelson::client::recipes::LeaseSession;
using keelson::examples::Must;

namespace {

const char kWeb[] = "examples/services/web/";

// An address is better old than missing: without a quorum one member answers from what it has, and
// says how old that may be.
void PrintAddresses(const Kv& kv) {
  const GetResult got = Must(kv.Get(KeyRange::Prefix(kWeb), {}, {.read = {.stale_ok = true}}));
  for (const KeyValue& pair : got.kvs) std::printf("  %s\n", pair.value.c_str());
  std::printf("  (%zu found)\n", got.kvs.size());
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = keelson::examples::Connect(argc, argv);
  const Kv kv = client->kv();
  Must(kv.Delete(KeyRange::Prefix(kWeb)));

  // Each instance keeps its key alive; a crash takes it away after the TTL.
  auto one = Must(LeaseSession::Start(*client, {.ttl = 5}));
  auto two = Must(LeaseSession::Start(*client, {.ttl = 5}));
  Must(kv.Put(std::string(kWeb) + "1", "10.0.0.1:80", {.lease = one->lease()}));
  Must(kv.Put(std::string(kWeb) + "2", "10.0.0.2:80", {.lease = two->lease()}));
  std::printf("two instances:\n");
  PrintAddresses(kv);

  const GetResult now = Must(kv.Get(KeyRange::Prefix(kWeb)));
  const auto watcher = client->Watch(KeyRange::Prefix(kWeb), now.header.revision + 1);
  Must(one->Close());
  const WatchBatch change = Must(watcher->Next(absl::Seconds(30)));
  std::printf("gone: %s\n", change.events.at(0).kv.key.c_str());
  PrintAddresses(kv);
  return 0;
}
