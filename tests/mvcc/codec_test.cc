#include "storage/mvcc/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace keelson::storage {
namespace {

Version SampleVersion(bool deleted) {
  Version version;
  version.mod = {1234567, 8};
  version.depth = 77;
  version.jumps = {{{1234567, 8}, {1234000, 0}, 70}, {{900, 1}, {800, 0}, 3}};
  if (deleted) return version;
  auto kv = std::make_shared<KeyValue>();
  kv->key = "key";
  kv->value = std::string("va\0lue", 6);
  kv->create_revision = 5;
  kv->mod_revision = 1234567;
  kv->version = 77;
  kv->lease = INT64_MAX;
  version.kv = std::move(kv);
  return version;
}

void ExpectEqual(const Version& a, const Version& b) {
  EXPECT_EQ(a.mod, b.mod);
  ASSERT_EQ(a.deleted(), b.deleted());
  if (!a.deleted()) {
    EXPECT_EQ(*a.kv, *b.kv);
  }
}

TEST(MvccCodecTest, VersionsComeBackAsTheyWere) {
  for (bool deleted : {false, true}) {
    const Version version = SampleVersion(deleted);
    std::string bytes;
    EncodeVersion(version, &bytes);
    Version decoded;
    ASSERT_TRUE(DecodeVersion(bytes, "key", &decoded));
    ExpectEqual(decoded, version);
    EXPECT_EQ(decoded.depth, version.depth);
    EXPECT_EQ(decoded.jumps, version.jumps);
    VersionHead head;
    ASSERT_TRUE(DecodeVersionHead(bytes, &head));
    EXPECT_EQ(head.mod, version.mod);
    EXPECT_EQ(head.deleted, deleted);
  }
}

TEST(MvccCodecTest, UndoRecordsKeepTheNearestJumpOnly) {
  const Version version = SampleVersion(false);
  std::string bytes;
  EncodeUndo(true, 4711, "key", &version, &bytes);
  UndoRecord record;
  ASSERT_TRUE(DecodeUndo(bytes, &record));
  EXPECT_TRUE(record.change_deleted);
  EXPECT_EQ(record.bytes_before, 4711u);
  EXPECT_EQ(record.key, "key");
  ASSERT_TRUE(record.previous.has_value());
  ExpectEqual(*record.previous, version);
  ASSERT_EQ(record.previous->jumps.size(), 1u);
  EXPECT_EQ(record.previous->jumps[0], version.jumps[0]);
}

TEST(MvccCodecTest, ByteOrderOfUndoKeysIsRevisionOrder) {
  std::mt19937_64 random(1);
  std::vector<Revision> revisions;
  for (int i = 0; i < 1000; ++i) {
    revisions.push_back({static_cast<int64_t>(random() >> (1 + random() % 62)),
                         static_cast<int64_t>(random() >> (32 + random() % 31))});
  }
  std::sort(revisions.begin(), revisions.end());
  for (size_t i = 1; i < revisions.size(); ++i) {
    EXPECT_LE(UndoKey(revisions[i - 1]), UndoKey(revisions[i]));
    Revision decoded;
    ASSERT_TRUE(DecodeUndoKey(UndoKey(revisions[i]), &decoded));
    EXPECT_EQ(decoded, revisions[i]);
  }
}

TEST(MvccCodecTest, StateComesBackAndANewerFormatIsNamed) {
  const StoreState state{{raft::Term(3), raft::Index(99)}, 12, 7, 1000, 500, 300};
  std::string bytes = EncodeState(state);
  StoreState decoded;
  uint32_t version = 0;
  ASSERT_TRUE(DecodeState(bytes, &decoded, &version));
  EXPECT_EQ(decoded, state);
  EXPECT_EQ(decoded.db_size(), 1200u);
  bytes[0] = 2;
  EXPECT_FALSE(DecodeState(bytes, &decoded, &version));
  EXPECT_EQ(version, 2u);
}

TEST(MvccCodecTest, CutOrRandomBytesAreRefusedOrDecodedButNeverReadBeyond) {
  std::string version_bytes, undo_bytes;
  EncodeVersion(SampleVersion(true), &version_bytes);
  const Version sample = SampleVersion(true);
  EncodeUndo(false, 9, "key", &sample, &undo_bytes);
  for (size_t i = 0; i < version_bytes.size(); ++i) {
    Version version;
    EXPECT_FALSE(DecodeVersion(version_bytes.substr(0, i), "key", &version)) << i;
  }
  for (size_t i = 0; i < undo_bytes.size(); ++i) {
    UndoRecord record;
    EXPECT_FALSE(DecodeUndo(undo_bytes.substr(0, i), &record)) << i;
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 5 == 0 ? random() : random() % 4);
    Version version;
    VersionHead head;
    UndoRecord record;
    StoreState state;
    uint32_t format = 0;
    DecodeVersion(bytes, "k", &version);
    DecodeVersionHead(bytes, &head);
    DecodeUndo(bytes, &record);
    DecodeState(bytes, &state, &format);
  }
}

}  // namespace
}  // namespace keelson::storage
