// Put, get, a transaction, and what to do when nobody knows whether a write happened.
#include "client/examples/example.h"

using namespace keelson::client;  // NOLINT: an example is read, not included
using keelson::examples::Must;

// Adds `amount` to a balance. Of two that found the same balance only one can succeed.
absl::Status Pay(const Kv& kv, const std::string& account, int amount) {
  while (true) {
    const auto got = kv.Get(KeyRange::Key(account));
    if (!got.ok()) return got.status();
    const KeyValue before = got->kvs.empty() ? KeyValue{.value = "0"} : got->kvs[0];
    const std::string after = std::to_string(std::stoi(before.value) + amount);

    Txn txn;
    txn.If(Compare::ModRevision(account).Equals(before.mod_revision)).Then(Op::Put(account, after));
    const auto paid = kv.Commit(txn);
    if (paid.ok() && paid->succeeded) return absl::OkStatus();
    if (paid.ok()) continue;  // somebody else was faster: look again

    // Surely nothing happened: tell the caller, who may try again.
    if (OutcomeOf(paid.status()) == Outcome::kFailed) return paid.status();

    // Nobody knows (the connection broke, say), and it may happen yet. To pay again might be to pay
    // twice: only the caller can know what to look at. (recipes/counter.h shows a way to find out.)
    return paid.status();
  }
}

int main(int argc, char** argv) {
  const auto client = keelson::examples::Connect(argc, argv);
  const Kv kv = client->kv();

  Must(kv.Put("examples/greeting", "hello"));
  const GetResult got = Must(kv.Get(KeyRange::Key("examples/greeting")));
  std::printf("greeting: %s\n", got.kvs.at(0).value.c_str());

  Must(kv.Delete(KeyRange::Prefix("examples/accounts/")));
  Must(Pay(kv, "examples/accounts/ada", 20));
  Must(Pay(kv, "examples/accounts/ada", 22));
  const GetResult all = Must(kv.Get(KeyRange::Prefix("examples/accounts/")));
  for (const KeyValue& pair : all.kvs) {
    std::printf("%s: %s, changed %d times\n", pair.key.c_str(), pair.value.c_str(),
                static_cast<int>(pair.version));
  }

  // Several calls at once: each returns a future.
  auto one = kv.PutAsync("examples/one", "1");
  auto two = kv.PutAsync("examples/two", "2");
  Must(one.Get());
  Must(two.Get());

  // What is refused surely did not happen.
  const auto refused = kv.Put("", "a key must not be empty");
  std::printf("outcome %s: %s\n", OutcomeName(OutcomeOf(refused.status())),
              std::string(refused.status().message()).c_str());
  return 0;
}
