// Two members on one in-memory disk: a sender with data, and the directory of a receiver.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "storage/fs/faulty_fs.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/snapshot/checkpoint.h"
#include "storage/snapshot/install.h"
#include "storage/snapshot/receiver.h"

namespace keelson::storage {

inline constexpr char kSender[] = "/sender/db";
inline constexpr char kTarget[] = "/target/db";

MvccOptions SmallOptions(FileSystem* fs);

class SnapshotWorld {
 public:
  explicit SnapshotWorld(uint64_t seed);

  FileSystem* fs() { return &fs_; }
  FaultyFileSystem& disk() { return fs_; }
  uint64_t Random() { return random_(); }

  // Opens the store that `root` names; the test fails where it can't.
  OpenedStore Open(const std::string& root);
  // Puts `keys` keys "<prefix><i>" -> "<prefix>" as one entry each, up to and with `index`.
  void Fill(MvccStore& store, const std::string& prefix, int keys);
  void Flush(MvccStore& store);
  std::shared_ptr<const Checkpoint> TakeCheckpoint(MvccStore& store);
  // Sends what is still missing, in chunks of random sizes.
  void Transfer(const Checkpoint& from, SnapshotReceiver& to);

 private:
  std::mt19937_64 random_;
  std::mt19937_64 disk_random_;
  FaultyFileSystem fs_;
  uint64_t next_checkpoint_ = 1;
};

// How many keys begin with `prefix`.
int64_t CountPrefix(MvccStore& store, const std::string& prefix);

}  // namespace keelson::storage
