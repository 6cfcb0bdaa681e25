#include "tests/differential/requests.h"

#include <algorithm>

#include "tests/differential/keyspace.h"
#include "tests/differential/random_txn.h"
#include "tests/differential/service_requests.h"

namespace keelson::differential {
namespace {

using etcdserverpb::RangeRequest;

// TTLs far beyond a run's length: what expires does so by each server's own clock.
constexpr int64_t kLongTtl = 3600;

void AddFilters(Random& random, const World& world, RangeRequest& request) {
  const auto bound = [&] { return random.Between(-1, world.revision + 1); };
  if (random.Chance(30)) request.set_min_mod_revision(bound());
  if (random.Chance(30)) request.set_max_mod_revision(bound());
  if (random.Chance(30)) request.set_min_create_revision(bound());
  if (random.Chance(30)) request.set_max_create_revision(bound());
}

etcdserverpb::CompactionRequest RandomCompaction(Random& random, const World& world) {
  etcdserverpb::CompactionRequest request;
  request.set_physical(random.Chance(30));
  if (random.Chance(15)) {
    request.set_revision(world.compacted - random.Below(3));
  } else if (random.Chance(10)) {
    request.set_revision(world.revision + random.Below(3));
  } else {
    const int64_t kept = world.revision - world.compacted;
    request.set_revision(world.compacted + 1 + random.Below(std::max<int64_t>(kept / 2, 1)));
  }
  return request;
}

etcdserverpb::LeaseGrantRequest RandomGrant(Random& random, const World& world) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(kLongTtl + random.Below(1000));
  if (random.Chance(3)) request.set_ttl(9000000001 + random.Below(2));
  if (random.Chance(60)) request.set_id(world.next_lease);
  if (!world.leases.empty() && random.Chance(8)) request.set_id(random.Pick(world.leases));
  return request;
}

}  // namespace

int64_t RandomRevision(Random& random, const World& world) {
  if (random.Chance(50)) return 0;
  if (random.Chance(3)) return -random.Between(1, 5);
  if (random.Chance(5)) return world.revision + random.Between(1, 3);
  if (random.Chance(10)) return std::max<int64_t>(world.compacted + random.Between(-2, 1), 1);
  return random.Between(std::max<int64_t>(world.compacted, 1), world.revision);
}

int64_t RandomLease(Random& random, const World& world) {
  if (random.Chance(10)) return 777;
  return world.leases.empty() ? 0 : random.Pick(world.leases);
}

RangeRequest RandomRange(Random& random, const World& world) {
  RangeRequest request;
  const KeyInterval interval = RandomInterval(random);
  request.set_key(interval.key);
  request.set_range_end(interval.end);
  request.set_revision(RandomRevision(random, world));
  if (random.Chance(40)) request.set_limit(random.Between(-1, 6));
  if (random.Chance(40)) {
    request.set_sort_order(static_cast<RangeRequest::SortOrder>(random.Below(3)));
    request.set_sort_target(static_cast<RangeRequest::SortTarget>(random.Below(5)));
  }
  // An unknown target is not tried: it kills a 3.4.23 (nil sorter).
  if (random.Chance(1)) request.set_sort_order(static_cast<RangeRequest::SortOrder>(7));
  request.set_serializable(random.Chance(30));
  request.set_keys_only(random.Chance(15));
  request.set_count_only(random.Chance(15));
  if (random.Chance(20)) AddFilters(random, world, request);
  return request;
}

etcdserverpb::PutRequest RandomPut(Random& random, const World& world) {
  etcdserverpb::PutRequest request;
  request.set_key(RandomKey(random));
  if (!random.Chance(5)) request.set_value(RandomValue(random));
  request.set_prev_kv(random.Chance(30));
  if (random.Chance(20)) request.set_lease(RandomLease(random, world));
  if (random.Chance(5)) {
    request.set_ignore_value(true);
    if (!random.Chance(15)) request.clear_value();
  }
  if (random.Chance(5)) {
    request.set_ignore_lease(true);
    if (!random.Chance(15)) request.clear_lease();
  }
  return request;
}

etcdserverpb::DeleteRangeRequest RandomDelete(Random& random) {
  etcdserverpb::DeleteRangeRequest request;
  // The whole space rarely: most of the time there should be something.
  KeyInterval interval = RandomInterval(random);
  if (interval.end == std::string(1, '\0') && !random.Chance(10)) interval.end.clear();
  request.set_key(interval.key);
  request.set_range_end(interval.end);
  request.set_prev_kv(random.Chance(40));
  return request;
}

Request RandomWrite(Random& random, const World& world) {
  const int64_t choice = random.Below(100);
  if (choice < 60) return RandomPut(random, world);
  if (choice < 80) return RandomDelete(random);
  return RandomTxn(random, world);
}

Request RandomRequest(Random& random, const World& world) {
  const int64_t choice = random.Below(1000);
  if (choice < 300) return RandomRange(random, world);
  if (choice < 330) return RandomServiceRequest(random, world);
  if (choice < 580) return RandomPut(random, world);
  if (choice < 660) return RandomDelete(random);
  if (choice < 880) return RandomTxn(random, world);
  if (choice < 890) return RandomCompaction(random, world);
  if (choice < 920) return RandomGrant(random, world);
  if (choice < 935) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(RandomLease(random, world));
    return request;
  }
  if (choice < 965) {
    etcdserverpb::LeaseTimeToLiveRequest request;
    request.set_id(RandomLease(random, world));
    request.set_keys(random.Chance(60));
    return request;
  }
  if (choice < 980) {
    etcdserverpb::LeaseKeepAliveRequest request;
    request.set_id(RandomLease(random, world));
    return request;
  }
  return etcdserverpb::LeaseLeasesRequest();
}

bool NamesAnId(const Request& request) {
  const auto* grant = std::get_if<etcdserverpb::LeaseGrantRequest>(&request);
  return std::holds_alternative<etcdserverpb::MemberAddRequest>(request) ||
         (grant != nullptr && grant->id() == 0);
}

std::string Describe(const Request& request) {
  return std::visit(
      [](const auto& message) {
        std::string text = message.ShortDebugString();
        constexpr size_t kEnough = 1500;
        if (text.size() > kEnough) text = text.substr(0, kEnough) + "...";
        return message.GetDescriptor()->name() + " { " + text + " }";
      },
      request);
}

}  // namespace keelson::differential
