// Read what is there, then follow every change from there on: nothing missed, nothing twice.
#include "client/examples/example.h"

using namespace keelson::client;  // NOLINT: an example is read, not included
using keelson::examples::Must;

int main(int argc, char** argv) {
  const auto client = keelson::examples::Connect(argc, argv);
  const Kv kv = client->kv();
  const KeyRange settings = KeyRange::Prefix("examples/settings/");
  Must(kv.Delete(settings));
  Must(kv.Put("examples/settings/color", "blue"));

  const GetResult now = Must(kv.Get(settings));
  for (const KeyValue& pair : now.kvs) {
    std::printf("is: %s = %s\n", pair.key.c_str(), pair.value.c_str());
  }

  // The revision joins the two: what the read has not seen, the watch will. It goes on at another
  // member when its own fails.
  const auto watcher = client->Watch(settings, now.header.revision + 1);

  Must(kv.Put("examples/settings/color", "green"));
  Must(kv.Put("examples/settings/size", "large"));
  Must(kv.Delete(KeyRange::Key("examples/settings/color")));

  for (int seen = 0; seen < 3;) {
    const WatchBatch batch = Must(watcher->Next(absl::Seconds(30)));
    for (const WatchEvent& event : batch.events) {
      ++seen;
      if (event.type == WatchEvent::Type::kDelete) {
        std::printf("gone: %s\n", event.kv.key.c_str());
      } else {
        std::printf("%s: %s = %s\n", event.is_create() ? "new" : "changed", event.kv.key.c_str(),
                    event.kv.value.c_str());
      }
    }
  }
  return 0;
}
