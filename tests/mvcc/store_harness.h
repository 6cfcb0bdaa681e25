// A store on an in-memory disk, with the short ways that tests want.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "storage/fs/faulty_fs.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::storage {

// All keys of a lease, read in slices of three.
inline std::vector<std::string> KeysOfLease(const ReadView& view, int64_t lease) {
  std::vector<std::string> keys;
  const auto cursor = view.LeaseKeys(lease);
  while (!cursor->done()) {
    const auto status = cursor->Visit({.max_keys = 3, .max_bytes = 0, .max_micros = 0},
                                      [&keys](std::string_view key) { keys.emplace_back(key); });
    EXPECT_EQ(status, absl::OkStatus());
    if (!status.ok()) break;
  }
  return keys;
}

class StoreHarness {
 public:
  explicit StoreHarness(uint64_t seed = 1, const std::string& dir = "/m/db");

  // Opens or opens again; fails the test where it can't.
  void Open();
  void Close() { store_.reset(); }
  // Cuts the power, closes, brings back what was durable, opens.
  void PowerLoss(PowerLossMode mode = PowerLossMode::kLoseAll);

  MvccOptions& options() { return options_; }
  FaultyFileSystem& disk() { return fs_; }
  MvccStore& store() { return *store_; }
  MvccStore* operator->() { return store_.get(); }
  std::unique_ptr<MvccStore> Release() { return std::move(store_); }

  // Each is one request and one commit; returns the revision afterwards.
  int64_t Put(const std::string& key, const std::string& value, int64_t lease = 0);
  int64_t Delete(const std::string& key);
  int64_t DeleteRange(const KeyRange& range);
  int64_t Compact(int64_t revision);
  // `count` puts of "<prefix><i>", one revision each, in one commit.
  int64_t PutMany(const std::string& prefix, int count, const std::string& value);

  absl::Status Flush();
  // Flush, drop what may go, and every compaction that RocksDB asks for.
  void Settle();

  std::string Value(const std::string& key, int64_t revision = 0);  // "-" where there is none
  std::vector<Change> History(int64_t from);
  HashResult Hash(int64_t revision = 0);

 private:
  template <typename Act>
  int64_t Request(Act act);

  std::mt19937_64 random_;
  FaultyFileSystem fs_;
  MvccOptions options_;
  std::unique_ptr<MvccStore> store_;
};

}  // namespace keelson::storage
