// The chain of versions of one key, without a database.
#include "storage/mvcc/version.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "storage/mvcc/codec.h"

namespace keelson::storage {
namespace {

// A chain of `length` versions at revisions step, 2*step, ..., each stored as the codec stores it.
class Chain : public UndoSource {
 public:
  explicit Chain(int64_t step) : step_(step) {}

  void Push(int64_t compact_revision = -1) {
    auto version = std::make_shared<Version>();
    version->mod = {(++length_) * step_, 0};
    auto kv = std::make_shared<KeyValue>();
    kv->key = "k";
    kv->mod_revision = version->mod.main;
    version->kv = std::move(kv);
    ChainPosition position = PushVersion(newest_.get(), version->mod, compact_revision);
    version->depth = position.depth;
    version->jumps = position.jumps;
    EncodeUndo(false, 0, "k", newest_.get(), &undo_[version->mod]);
    newest_ = std::move(version);
    max_jumps_ = std::max(max_jumps_, newest_->jumps.size());
  }

  absl::StatusOr<VersionPtr> ReadUndo(Revision at, std::string_view key) override {
    ++reads;
    UndoRecord record;
    if (!undo_.contains(at) || !DecodeUndo(undo_[at], &record) || record.key != key) {
      return absl::DataLossError("missing");
    }
    if (!record.previous) return VersionPtr();
    return std::make_shared<Version>(*record.previous);
  }

  // Revision of the version that a read at `bound` finds, 0 for none.
  int64_t Find(int64_t bound) {
    auto found = FindVersion(*this, "k", newest_, {bound, INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status() << " at " << bound;
    return found.ok() && *found ? (*found)->mod.main : 0;
  }

  void DropBelow(int64_t revision) { undo_.erase(undo_.begin(), undo_.lower_bound({revision, 0})); }

  int reads = 0;
  int64_t length() const { return length_; }
  size_t max_jumps() const { return max_jumps_; }

 private:
  const int64_t step_;
  int64_t length_ = 0;
  VersionPtr newest_;
  std::map<Revision, std::string> undo_;
  size_t max_jumps_ = 0;
};

TEST(VersionChainTest, EveryOldVersionIsFoundInLogarithmicManyReads) {
  for (int length : {1, 2, 3, 7, 100, 1000, 5000}) {
    Chain chain(10);
    for (int i = 0; i < length; ++i) chain.Push();
    const int limit = 3 * std::bit_width(static_cast<unsigned>(length));  // Myers, section 3
    for (int64_t bound = 0; bound <= length * 10 + 5; bound += 5) {
      chain.reads = 0;
      EXPECT_EQ(chain.Find(bound), bound / 10 > length ? length * 10 : bound / 10 * 10);
      EXPECT_LE(chain.reads, limit) << "length " << length << " at " << bound;
    }
    EXPECT_LE(chain.max_jumps(),
              static_cast<size_t>(std::bit_width(static_cast<unsigned>(length))));
  }
}

TEST(VersionChainTest, ReadsAtOrAboveTheCompactionRevisionNeverTouchDroppedRecords) {
  Chain chain(3);
  for (int i = 0; i < 200; ++i) {
    const int64_t compacted = i < 20 ? -1 : (i - i % 7) * 3 - 25;
    chain.Push(compacted);
    if (compacted < 0) continue;
    chain.DropBelow(compacted);
    for (int64_t bound = compacted; bound <= chain.length() * 3; ++bound) {
      EXPECT_EQ(chain.Find(bound), bound / 3 * 3);
    }
  }
}

TEST(VersionChainTest, AFullyCompactedChainBeginsAnew) {
  Version parent;
  parent.mod = {50, 2};
  parent.depth = 1'000'000;
  for (int i = 0; i < 20; ++i)
    parent.jumps.push_back({{49 - i, 0}, {48 - i, 0}, 20u - static_cast<uint64_t>(i)});
  ChainPosition position = PushVersion(&parent, {60, 0}, 50);
  EXPECT_EQ(position.depth, 2u);
  ASSERT_EQ(position.jumps.size(), 1u);
  EXPECT_EQ(position.jumps[0], (Jump{{60, 0}, {50, 2}, 1}));
}

}  // namespace
}  // namespace keelson::storage
