// A queue that several workers empty, each item done by one of them, and a counter that they share.
#include <thread>

#include "client/examples/example.h"
#include "client/keelson/recipes/counter.h"
#include "client/keelson/recipes/queue.h"

using namespace keelson::client;  // NOLINT: an example is read, not included
using keelson::client::recipes::Counter;
using keelson::client::recipes::LeaseSession;
using keelson::client::recipes::Queue;
using keelson::examples::Must;

namespace {

constexpr int kItems = 12;
constexpr int kWorkers = 3;

// In real life a process: what it has taken goes back to the queue when it dies.
void Work(const Client& client, const Queue& queue, std::stop_source& all_done) {
  const auto session = Must(LeaseSession::Start(client, {.ttl = 5}));
  Counter done(*session, "examples/done");
  while (true) {
    const auto item = queue.Take(*session, {.stop = all_done.get_token()});
    if (absl::IsCancelled(item.status())) return;
    Must(item.status());
    // ... the work itself, its writes fenced by (*item)->fence() ...
    Must((*item)->Done());
    if (Must(done.Add(1)) == kItems) all_done.request_stop();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = keelson::examples::Connect(argc, argv);
  Must(client->kv().Delete(KeyRange::Key("examples/done")));
  const Queue queue(*client, "examples/queue");
  for (int i = 0; i < kItems; ++i) Must(queue.Push("item " + std::to_string(i)));
  std::printf("%d items in the queue\n", static_cast<int>(Must(queue.Size())));

  std::stop_source all_done;
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] { Work(*client, queue, all_done); });
  }
  for (std::thread& worker : workers) worker.join();

  const auto session = Must(LeaseSession::Start(*client));
  std::printf("%d items done by %d workers\n",
              static_cast<int>(Must(Counter(*session, "examples/done").Get())), kWorkers);
  std::printf("%d items left\n", static_cast<int>(Must(queue.Size())));
  return 0;
}
