#include "tests/apply/fuzz_oracle.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "server/apply/ranges.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

// What a pair is sorted by; the number or the bytes.
std::tuple<int64_t, std::string> SortKey(RangeRequest::SortTarget target,
                                         const storage::KeyValue& kv) {
  switch (target) {
    case RangeRequest::VERSION:
      return {kv.version, ""};
    case RangeRequest::CREATE:
      return {kv.create_revision, ""};
    case RangeRequest::MOD:
      return {kv.mod_revision, ""};
    case RangeRequest::VALUE:
      return {0, kv.value};
    default:
      return {0, kv.key};
  }
}

bool Filtered(const RangeRequest& request) {
  return request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
         request.min_create_revision() != 0 || request.max_create_revision() != 0;
}

bool Passes(const RangeRequest& request, const storage::KeyValue& kv) {
  if (request.min_mod_revision() != 0 && kv.mod_revision < request.min_mod_revision()) return false;
  if (request.max_mod_revision() != 0 && kv.mod_revision > request.max_mod_revision()) return false;
  const int64_t created = kv.create_revision;
  if (request.min_create_revision() != 0 && created < request.min_create_revision()) return false;
  return request.max_create_revision() == 0 || created <= request.max_create_revision();
}

storage::KeyValue FromWire(const mvccpb::KeyValue& kv) {
  return {.key = kv.key(),
          .value = kv.value(),
          .create_revision = kv.create_revision(),
          .mod_revision = kv.mod_revision(),
          .version = kv.version(),
          .lease = kv.lease()};
}

// All that stands in the range and passes the filters, in the order of keys.
using Pairs = std::vector<storage::KeyValue>;

// What the answer has to be.
Pairs Expected(const RangeRequest& request, Pairs pairs, bool* more) {
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(request.limit(), 0));
  const bool by_key = request.sort_target() == RangeRequest::KEY;
  // Without an order, the limit comes first: etcd reads one more and sorts those.
  const bool cut_first = request.sort_order() == RangeRequest::NONE && !Filtered(request);
  if (limit > 0 && cut_first && pairs.size() > limit + 1) pairs.resize(limit + 1);
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
    if (by_key && request.sort_order() == RangeRequest::NONE) return false;
    const auto key_a = SortKey(request.sort_target(), a);
    const auto key_b = SortKey(request.sort_target(), b);
    return request.sort_order() == RangeRequest::DESCEND ? key_b < key_a : key_a < key_b;
  });
  *more = limit > 0 && pairs.size() > limit;
  if (*more) pairs.resize(limit);
  if (request.keys_only()) {
    for (auto& pair : pairs) pair.value.clear();
  }
  return pairs;
}

}  // namespace

void FuzzOracle::Fold(const std::vector<storage::Change>& changes) {
  if (changes.empty()) return;
  State state = states_.rbegin()->second;
  const int64_t revision = this->revision() + 1;
  int64_t sub = 0;
  for (const storage::Change& change : changes) {
    KEELSON_CHECK(change.rev.main == revision, "a request makes one revision");
    KEELSON_CHECK(change.rev.sub == sub++, "changes of a revision are counted");
    const storage::KeyValue& now = *change.now;
    const auto old = state.find(now.key);
    KEELSON_CHECK((old != state.end()) == (change.prev != nullptr), "prev is what was there");
    if (change.prev) KEELSON_CHECK(*change.prev == old->second, "prev is what was there");
    if (change.deleted) {
      KEELSON_CHECK(old != state.end(), "only what exists is deleted");
      state.erase(old);
      continue;
    }
    KEELSON_CHECK(now.mod_revision == revision, "a put is of its revision");
    const bool existed = old != state.end();
    KEELSON_CHECK(now.create_revision == (existed ? old->second.create_revision : revision),
                  "a key is created once");
    KEELSON_CHECK(now.version == (existed ? old->second.version + 1 : 1), "versions are counted");
    state[now.key] = now;
  }
  states_[revision] = std::move(state);
}

void FuzzOracle::CheckStore(storage::MvccStore& store) const {
  const State& newest = states_.rbegin()->second;
  KEELSON_CHECK(store.revision() == revision(), "the revision is that of the last change");
  KEELSON_CHECK(store.key_count() == static_cast<int64_t>(newest.size()), "keys are counted");
  KEELSON_CHECK(store.db_size() >= 0, "sizes are not negative");
  std::map<int64_t, std::vector<std::string>> attached;
  for (const auto& [key, kv] : newest) {
    if (kv.lease != 0) attached[kv.lease].push_back(key);
  }
  size_t found = 0;
  const auto status = store.ForEachLease([&](int64_t id, std::string_view) {
    std::vector<std::string> keys;
    const auto read = store.View()->LeaseKeys(id)->Visit(
        {.max_keys = 0, .max_bytes = 0, .max_micros = 0},
        [&keys](std::string_view key) { keys.emplace_back(key); });
    KEELSON_CHECK(read.ok(), "the keys of a lease are read");
    const auto expected = attached.find(id);
    found += expected != attached.end();
    KEELSON_CHECK(
        keys == (expected == attached.end() ? std::vector<std::string>() : expected->second),
        "a lease has the keys that were put with it last");
  });
  KEELSON_CHECK(status.ok(), "the leases are read");
  KEELSON_CHECK(found == attached.size(), "no key has a lease that does not exist");
}

void FuzzOracle::CheckRange(const RangeRequest& request, const RangeResponse& response) const {
  KEELSON_CHECK(response.header().revision() == revision(), "the header tells the present");
  const auto at = states_.find(request.revision() <= 0 ? revision() : request.revision());
  KEELSON_CHECK(at != states_.end(), "a revision that was read exists");
  const storage::KeyRange range = ToRange(request.key(), request.range_end());
  Pairs pairs;
  int64_t count = 0;
  for (const auto& [key, kv] : at->second) {
    if (!range.Contains(key)) continue;
    ++count;
    if (Passes(request, kv)) pairs.push_back(kv);
  }
  KEELSON_CHECK(response.count() == count, "count is of all keys in the range");
  if (request.count_only()) {
    KEELSON_CHECK(response.kvs().empty() && !response.more(), "only the count");
    return;
  }
  bool more = false;
  const Pairs expected = Expected(request, std::move(pairs), &more);
  KEELSON_CHECK(response.more() == more, "more tells of a cut");
  KEELSON_CHECK(response.kvs_size() == static_cast<int>(expected.size()), "nothing is missing");
  for (int i = 0; i < response.kvs_size(); ++i) {
    KEELSON_CHECK(FromWire(response.kvs(i)) == expected[static_cast<size_t>(i)],
                  "the pairs of the range, in order");
  }
}

}  // namespace keelson::server
