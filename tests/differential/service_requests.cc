#include "tests/differential/service_requests.h"

#include "absl/strings/str_cat.h"

namespace keelson::differential {
namespace {

using namespace etcdserverpb;

// No member has it.
constexpr uint64_t kNobody = 7;

// A lease whose id is the same on both servers, since it is part of keys; one that does not exist
// where there is none.
int64_t SharedLease(Random& random, const World& world) {
  const int64_t lease = RandomLease(random, world);
  return lease == 0 || lease >= World::kFirstHandle ? 777 : lease;
}

v3electionpb::LeaderKey RandomLeaderKey(Random& random, const World& world) {
  if (!world.leader_keys.empty() && !random.Chance(10)) return random.Pick(world.leader_keys);
  v3electionpb::LeaderKey key;
  key.set_name("election/777");
  key.set_key("election/777/309");
  key.set_rev(random.Between(1, world.revision));
  key.set_lease(777);
  return key;
}

Request RandomLock(Random& random, const World& world) {
  const int64_t lease = SharedLease(random, world);
  if (random.Chance(70)) {
    v3lockpb::LockRequest request;
    request.set_name(absl::StrCat("lock/", lease));
    request.set_lease(lease);
    return request;
  }
  v3lockpb::UnlockRequest request;
  request.set_key(absl::StrCat("lock/", lease, "/", absl::Hex(lease)));
  if (random.Chance(10)) request.set_key("lock/nothing");
  return request;
}

Request RandomElection(Random& random, const World& world) {
  const int64_t lease = SharedLease(random, world);
  const int64_t choice = random.Below(100);
  if (choice < 40) {
    v3electionpb::CampaignRequest request;
    request.set_name(absl::StrCat("election/", lease));
    request.set_lease(lease);
    request.set_value(absl::StrCat("candidate ", random.Below(3)));
    return request;
  }
  if (choice < 60) {
    v3electionpb::LeaderRequest request;
    request.set_name(absl::StrCat("election/", lease));
    return request;
  }
  if (choice < 80) {
    v3electionpb::ProclaimRequest request;
    if (!random.Chance(5)) *request.mutable_leader() = RandomLeaderKey(random, world);
    request.set_value(absl::StrCat("leader ", random.Below(3)));
    return request;
  }
  v3electionpb::ResignRequest request;
  if (!random.Chance(5)) *request.mutable_leader() = RandomLeaderKey(random, world);
  return request;
}

Request RandomMaintenance(Random& random, const World& world) {
  const int64_t choice = random.Below(100);
  if (choice < 25) return StatusRequest();
  if (choice < 60) {
    HashKVRequest request;
    request.set_revision(RandomRevision(random, world));
    return request;
  }
  if (choice < 65) return HashRequest();
  if (choice < 70) return DefragmentRequest();
  if (choice < 90) return AlarmChange(AlarmRequest::GET, NONE);
  MoveLeaderRequest request;
  request.set_targetid(kNobody);
  return request;
}

Request RandomMembers(Random& random) {
  if (random.Chance(60)) {
    MemberListRequest request;
    return request;
  }
  if (random.Chance(40)) {
    MemberRemoveRequest request;
    request.set_id(kNobody);
    return request;
  }
  if (random.Chance(50)) {
    MemberPromoteRequest request;
    request.set_id(kNobody);
    return request;
  }
  MemberAddRequest request;
  request.add_peerurls("not a URL");
  return request;
}

}  // namespace

AlarmRequest AlarmChange(AlarmRequest::AlarmAction action, AlarmType kind) {
  AlarmRequest request;
  request.set_action(action);
  if (kind != NONE) request.set_memberid(kNobody);
  request.set_alarm(kind);
  return request;
}

std::vector<Request> LearnersLife(int64_t member) {
  const auto id = static_cast<uint64_t>(member);
  // etcd makes ids of URLs and the second: no URL may come twice.
  const auto url = [member](int64_t port) {
    return absl::StrCat("http://127.0.0.1:", 1000 + 10 * (member % 5000) + port);
  };
  MemberAddRequest add;
  add.add_peerurls(url(0));
  add.set_islearner(true);
  MemberAddRequest again = add;
  again.add_peerurls(url(1));
  MemberAddRequest another = add;
  another.set_peerurls(0, url(2));
  MemberPromoteRequest promote;
  promote.set_id(id);
  MemberUpdateRequest update;
  update.set_id(id);
  update.add_peerurls(url(3));
  MemberRemoveRequest remove;
  remove.set_id(id);
  MoveLeaderRequest lead;
  lead.set_targetid(id);
  return {add,    MemberListRequest(), again,  another, promote, lead, update, MemberListRequest(),
          remove, MemberListRequest(), remove, update};
}

Request RandomServiceRequest(Random& random, const World& world) {
  const int64_t choice = random.Below(100);
  if (choice < 30) return RandomLock(random, world);
  if (choice < 70) return RandomElection(random, world);
  if (choice < 90) return RandomMaintenance(random, world);
  return RandomMembers(random);
}

}  // namespace keelson::differential
