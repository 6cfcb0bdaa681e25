// Random requests of the services besides KV and Lease: locks, elections, members, maintenance.
#pragma once

#include <vector>

#include "tests/differential/random.h"
#include "tests/differential/requests.h"
#include "tests/differential/world.h"

namespace keelson::differential {

// Any of them that is answered at once: a lock or an election has one claimant only.
Request RandomServiceRequest(Random& random, const World& world);

// Raises an alarm, or takes it away again.
etcdserverpb::AlarmRequest AlarmChange(etcdserverpb::AlarmRequest::AlarmAction action,
                                       etcdserverpb::AlarmType kind);

// What is asked of a learner that never starts, from its addition to its removal; `member` is the
// driver's name for it.
std::vector<Request> LearnersLife(int64_t member);

}  // namespace keelson::differential
