#include <gtest/gtest.h>

#include "storage/mvcc/read_view.h"
#include "tests/mvcc/requests.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

std::vector<KeyValue> WithoutValues(std::vector<KeyValue> pairs) {
  for (KeyValue& kv : pairs) kv.value.clear();
  return pairs;
}

void ExpectSameAt(const ReadView& view, const Model& model, int64_t at, std::mt19937_64& random,
                  const KeySpace& space, const CheckOptions& options) {
  for (int i = 0; i < 3; ++i) {
    const std::string key = RandomKey(random, space);
    auto kv = view.Get(key, at);
    ASSERT_TRUE(kv.ok()) << kv.status();
    std::optional<KeyValue> got;
    if (*kv) got = **kv;
    EXPECT_EQ(got, model.Get(key, at)) << key << " at " << at;
  }
  const KeyRange range = random() % 2 == 0 ? KeyRange::All() : RandomRange(random, space);
  const std::vector<KeyValue> expected = model.Range(range, at);
  auto cursor = view.Range(range, {at, false});
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(ReadAll(**cursor, options.slice_keys), expected);
  cursor = view.Range(range, {at, true});
  ASSERT_TRUE(cursor.ok());
  EXPECT_EQ(ReadAll(**cursor, options.slice_keys), WithoutValues(expected));
  auto count = view.CountAt(range, at);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(Finish(**count, options.slice_keys), static_cast<int64_t>(expected.size()));
}

void ExpectSameHistory(const ReadView& view, const Model& model, int64_t from,
                       const CheckOptions& options) {
  auto cursor = view.History(from);
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  const std::vector<Change> changes = ReadAll(**cursor, options.slice_keys);
  const std::vector<Model::Event> events = model.History(from);
  ASSERT_EQ(changes.size(), events.size()) << "from " << from;
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].rev, events[i].rev);
    EXPECT_EQ(changes[i].deleted, !events[i].now.has_value());
    EXPECT_EQ(changes[i].now->key, events[i].key);
    EXPECT_EQ(changes[i].now->mod_revision, events[i].rev.main);
    if (events[i].now) {
      EXPECT_EQ(*changes[i].now, *events[i].now);
    }
    EXPECT_EQ(changes[i].prev != nullptr, events[i].prev.has_value()) << i;
    if (changes[i].prev && events[i].prev) {
      EXPECT_EQ(*changes[i].prev, *events[i].prev);
    }
  }
  EXPECT_EQ((*cursor)->reached(), std::max(view.revision(), from - 1));
}

}  // namespace

std::vector<KeyValue> ReadAll(RangeCursor& cursor, uint64_t slice_keys) {
  std::vector<KeyValue> result;
  while (!cursor.done()) {
    std::vector<KeyValuePtr> slice;
    const absl::Status status = cursor.Next({slice_keys, 0, 0}, &slice);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_LE(slice.size(), slice_keys);
    if (!status.ok()) break;
    for (const KeyValuePtr& kv : slice) result.push_back(*kv);
  }
  return result;
}

std::vector<Change> ReadAll(HistoryCursor& cursor, uint64_t slice_keys) {
  std::vector<Change> result;
  while (!cursor.done()) {
    const size_t before = result.size();
    const int64_t reached = cursor.reached();
    const absl::Status status = cursor.Next({slice_keys, 0, 0}, &result);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) break;
    if (result.size() > before) {
      EXPECT_GT(result[before].rev.main, reached) << "a revision was split";
      EXPECT_LE(result.back().rev.main, cursor.reached());
    }
  }
  return result;
}

void ExpectSame(const ReadView& view, const Model& model, std::mt19937_64& random,
                const KeySpace& space, const CheckOptions& options) {
  ASSERT_EQ(view.revision(), model.revision());
  ASSERT_EQ(view.compact_revision(), model.compact_revision());
  ExpectSameAt(view, model, 0, random, space, options);
  const int64_t low = std::max<int64_t>(model.compact_revision(), 1);
  for (int i = 0; i < options.old_revisions; ++i) {
    const auto span = static_cast<uint64_t>(view.revision() - low + 1);
    const int64_t at = i == 0 ? low : low + static_cast<int64_t>(random() % span);
    ExpectSameAt(view, model, at, random, space, options);
    ExpectSameHistory(view, model, at, options);
    const KeyRange range = RandomRange(random, space);
    auto count = view.Count(range);
    ASSERT_TRUE(count.ok()) << count.status();
    EXPECT_EQ(*count, static_cast<int64_t>(model.Range(range).size()));
  }
  EXPECT_TRUE(IsFutureRevision(view.Get("k", view.revision() + 1).status()));
  if (low > 1) {
    EXPECT_TRUE(IsCompacted(view.Get("k", low - 1).status()));
    EXPECT_TRUE(IsCompacted(view.History(low - 1).status()));
  }
}

void ExpectSame(MvccStore& store, const Model& model, std::mt19937_64& random,
                const KeySpace& space, const CheckOptions& options) {
  ExpectSame(*store.View(), model, random, space, options);
  EXPECT_EQ(store.db_size(), model.DbSize());
  EXPECT_EQ(store.key_count(), static_cast<int64_t>(model.Range(KeyRange::All()).size()));
  for (int64_t lease = 1; lease <= space.leases; ++lease) {
    EXPECT_EQ(KeysOfLease(*store.View(), lease), model.LeaseKeys(lease));
  }
  std::map<int64_t, std::string> leases;
  ASSERT_EQ(store.ForEachLease(
                [&](int64_t id, std::string_view record) { leases[id] = std::string(record); }),
            absl::OkStatus());
  EXPECT_EQ(leases, model.leases);
  std::map<std::string, std::string> meta;
  ASSERT_EQ(store.ForEachMeta("",
                              [&](std::string_view name, std::string_view value) {
                                meta[std::string(name)] = std::string(value);
                              }),
            absl::OkStatus());
  EXPECT_EQ(meta, model.meta);
}

}  // namespace keelson::storage
