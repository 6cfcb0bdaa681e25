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

bool Passes(const RangeRequest& request, const storage::KeyValue& kv) {
  const auto within = [](int64_t value, int64_t min, int64_t max) {
    return (min == 0 || value >= min) && (max == 0 || value <= max);
  };
  return within(kv.mod_revision, request.min_mod_revision(), request.max_mod_revision()) &&
         within(kv.create_revision, request.min_create_revision(), request.max_create_revision());
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

void Sort(const RangeRequest& request, Found* found) {
  if (request.sort_target() == RangeRequest::KEY && request.sort_order() != RangeRequest::DESCEND) {
    return;  // read in this order
  }
  const bool descend = request.sort_order() == RangeRequest::DESCEND;
  std::stable_sort(found->begin(), found->end(), [&](const auto* a, const auto* b) {
    const int order = Compare(request.sort_target(), *a, *b);
    return descend ? order > 0 : order < 0;
  });
}

}  // namespace

uint64_t KeysToRead(const RangeRequest& request) {
  if (request.limit() <= 0 || HasFilter(request) || request.sort_order() != RangeRequest::NONE) {
    return 0;
  }
  return static_cast<uint64_t>(request.limit()) + 1;
}

bool IsPlainOrder(const RangeRequest& request) {
  return !HasFilter(request) && request.sort_target() == RangeRequest::KEY &&
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
    std::erase_if(found, [&request](const auto* kv) { return !Passes(request, *kv); });
  }
  Sort(request, &found);
  response->set_count(count);
  if (request.limit() > 0 && found.size() > static_cast<uint64_t>(request.limit())) {
    found.resize(request.limit());
    response->set_more(true);
  }
  response->mutable_kvs()->Reserve(static_cast<int>(found.size()));
  for (const auto* kv : found) FillKeyValue(*kv, !request.keys_only(), response->add_kvs());
}

}  // namespace keelson::server
