// Pairs on their way from one place to another: what export, import and make-mirror have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "client/keelson/client.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json_value.h"

namespace keelson::kvctl {

// Which keys travel, and what they are called there: `prefix` is replaced.
struct KeyMap {
  std::string prefix = {};
  std::string new_prefix = {};

  // REQUIRES: `key` begins with `prefix`.
  std::string Map(const std::string& key) const { return new_prefix + key.substr(prefix.size()); }
};

// --prefix, --dest-prefix and --no-dest-prefix, and what they say.
std::vector<FlagSpec> KeyMapFlags();
absl::StatusOr<KeyMap> ReadKeyMap(const ParsedFlags& flags);

// Writes to a cluster: several changes at once, in transactions that etcd's limits allow. What is
// told is that the puts were done; done twice they do no harm, so an unknown outcome is tried
// again. One thread.
class Putter {
 public:
  // Below etcd's 128 operations of a transaction.
  static constexpr size_t kMostOps = 100;

  explicit Putter(client::Kv kv, size_t most_ops = kMostOps)
      : kv_(std::move(kv)), most_ops_(most_ops) {}

  // Queues a change; sends those before it where this one must not be in the same transaction.
  absl::Status Put(const std::string& key, const std::string& value);
  absl::Status Delete(const std::string& key);
  // Sends what is queued.
  absl::Status Flush();

  // Changes that were done.
  int64_t done() const { return done_; }

 private:
  absl::Status Add(const std::string& key, size_t bytes, client::Op op);

  client::Kv kv_;
  const size_t most_ops_;
  client::Txn txn_;
  std::vector<std::string> keys_;  // of txn_: a key may be there once
  size_t bytes_ = 0;
  int64_t done_ = 0;
};

// The text format. A header, then the pairs, one JSON value a line; or one document that has them:
//   {"format":"keelson-export","version":1,"revision":7,"count":2}
//   {"key":"YQ==","value":"MQ==","mod_revision":5,"version":2,"lease":16}
// Keys and values are in base64; of a pair only the key is needed. What `get -o json` prints is
// such a document, too.
struct ExportHeader {
  int64_t revision = 0;
  int64_t count = 0;
};
std::string ToJson(const ExportHeader& header, bool open_document);
std::string PairToJson(const client::KeyValue& pair);

// Hands each pair of `text` to `take`, in order. InvalidArgument for what is malformed, and for
// fewer or more pairs than the header says.
absl::Status ReadExport(std::string_view text,
                        absl::FunctionRef<absl::Status(client::KeyValue)> take);

// A client of other members, with the timeouts of this run's.
absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const Invocation& invocation, const std::vector<std::string>& endpoints);

}  // namespace keelson::kvctl
