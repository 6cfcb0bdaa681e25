// Optimistic transactions: read, decide, write, and begin anew if anything that was read has
// changed.
//
//   auto done = RunStm(client->kv(), [](Stm& stm) -> absl::Status {
//     auto balance = stm.Get("balance");
//     if (!balance.ok()) return balance.status();
//     stm.Put("balance", Less(**balance, 10));
//     return absl::OkStatus();
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/kv.h"

namespace keelson::client {

// One try, as the body sees it. Used by the body alone, on one thread.
class Stm {
 public:
  // The value of `key`, nullopt if there is none: what this try has written, or else what the store
  // had at the try's snapshot, which is fixed by the first read. A failure is to be returned from
  // the body.
  absl::StatusOr<std::optional<std::string>> Get(const std::string& key);

  // Written together when the body returns OK; the last write of a key counts.
  void Put(const std::string& key, std::string value, const PutOptions& options = {});
  void Delete(const std::string& key);

  // The revision of the snapshot; 0 before the first read.
  int64_t revision() const { return revision_; }

 private:
  friend class StmRunner;
  struct Read {
    int64_t mod_revision = 0;  // 0: there was no such key
    std::optional<std::string> value = {};
  };
  struct Write {
    std::optional<std::string> value = {};  // nullopt: a deletion
    PutOptions options = {};
  };

  Stm(Kv kv, CallOptions call) : kv_(std::move(kv)), call_(call) {}
  // What holds if nothing that was read has changed, and what is to be done then.
  Txn ToTxn() const;

  const Kv kv_;
  const CallOptions call_;
  int64_t revision_ = 0;
  bool snapshot_lost_ = false;  // compacted away in the middle
  std::map<std::string, Read> reads_;
  std::map<std::string, Write> writes_;
};

struct StmOptions {
  // For all tries together; zero takes ClientOptions::timeout.
  absl::Duration timeout = absl::ZeroDuration();
};

// Runs `body` until what it read is unchanged when what it wrote is committed, with pauses that
// grow between tries: then all that it read and wrote happened at one moment (strict
// serializability). A body that writes nothing has read one snapshot of the store, and nothing is
// committed.
//
// `body` runs on the calling thread, perhaps several times: it must have no effects but through its
// Stm. What it returns other than OK ends the whole without a write. The result is that of the
// commit. Aborted: there was a conflict at each try until the deadline. A commit of unknown outcome
// ends the whole as unknown, and is not tried again. Not on the client's own thread.
absl::StatusOr<TxnResult> RunStm(const Kv& kv, const std::function<absl::Status(Stm&)>& body,
                                 const StmOptions& options = {});

}  // namespace keelson::client
