#include "server/apply/range_answer.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;
using Found = std::vector<const storage::KeyValue*>;

bool HasFilter(const RangeRequest& request) {
  return request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
         request.min_create_revision() != 0 || request.max_create_revision() != 0;
}

int Compare(RangeRequest::SortTarget target, const storage::KeyValue& a,
            const storage::KeyValue& b) {
  const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : (y < x ? 1 : 0); };
  switch (target) {
    case RangeRequest::VERSION:
      return order(a.version, b.version);
    case RangeRequest::CREATE:
      return order(a.create_revision, b.create_revision);
    case RangeRequest::MOD:
      return order(a.mod_revision, b.mod_revision);
    case RangeRequest::VALUE:
      return order(a.value, b.value);
    default:
      return order(a.key, b.key);
  }
}

}  // namespace

bool PassesFilter(const RangeRequest& request, const storage::KeyValueRef& pair) {
  const auto within = [](int64_t value, int64_t min, int64_t max) {
    return (min == 0 || value >= min) && (max == 0 || value <= max);
  };
  return within(pair.mod_revision, request.min_mod_revision(), request.max_mod_revision()) &&
         within(pair.create_revision, request.min_create_revision(), request.max_create_revision());
}

bool ComesBefore(const RangeRequest& request, const storage::KeyValue& a,
                 const storage::KeyValue& b) {
  const int order = Compare(request.sort_target(), a, b);
  if (order == 0) return a.key < b.key;
  return request.sort_order() == RangeRequest::DESCEND ? order > 0 : order < 0;
}

bool Arrange(const RangeRequest& request, Found* found) {
  const auto before = [&request](const auto* a, const auto* b) {
    return ComesBefore(request, *a, *b);
  };
  if (!IsKeyOrder(request)) std::sort(found->begin(), found->end(), before);
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(request.limit(), 0));
  const bool more = limit > 0 && found->size() > limit;
  if (more) found->resize(limit);
  return more;
}

uint64_t KeysToRead(const RangeRequest& request) {
  if (request.limit() <= 0 || HasFilter(request)) return 0;
  if (request.sort_order() != RangeRequest::NONE && !IsKeyOrder(request)) return 0;
  return static_cast<uint64_t>(request.limit()) + 1;
}

bool IsKeyOrder(const RangeRequest& request) {
  return request.sort_target() == RangeRequest::KEY &&
         request.sort_order() != RangeRequest::DESCEND;
}

bool NeedsValues(const RangeRequest& request) {
  return !request.keys_only() || request.sort_target() == RangeRequest::VALUE;
}

void FillKeyValue(const storage::KeyValue& from, bool with_value, mvccpb::KeyValue* to) {
  to->set_key(from.key);
  to->set_create_revision(from.create_revision);
  to->set_mod_revision(from.mod_revision);
  to->set_version(from.version);
  to->set_lease(from.lease);
  if (with_value) to->set_value(from.value);
}

void FillRangeResponse(const RangeRequest& request, Found found, int64_t count,
                       etcdserverpb::RangeResponse* response) {
  KEELSON_CHECK(count >= 0, "a range holds no negative number of keys");
  if (HasFilter(request)) {
    std::erase_if(found, [&request](const auto* kv) {
      return !PassesFilter(request, storage::KeyValueRef(*kv));
    });
  }
  response->set_more(Arrange(request, &found));
  response->set_count(count);
  response->mutable_kvs()->Reserve(static_cast<int>(found.size()));
  for (const auto* kv : found) FillKeyValue(*kv, !request.keys_only(), response->add_kvs());
}

}  // namespace keelson::server
