#include "server/api/gate.h"

#include <string_view>

#include "server/api/utf8.h"
#include "server/api/write.h"
#include "server/apply/errors.h"
#include "server/apply/request_errors.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

// Users and roles are not built: nobody is asked for a name.
constexpr bool kAuthIsOn = false;

// Of Range only what is serializable; the request tells that.
bool ServedByLearners(std::string_view method) {
  return method == "/etcdserverpb.Maintenance/Status" || method == "/etcdserverpb.KV/Range" ||
         method == "/etcdserverpb.Maintenance/Snapshot";
}

// By a member whose data is wrong: what is about the cluster, not about keys.
bool ServedOutOfService(std::string_view method) {
  return method.substr(0, 22) == "/etcdserverpb.Cluster/" ||
         (method.substr(0, 26) == "/etcdserverpb.Maintenance/" &&
          method != "/etcdserverpb.Maintenance/Snapshot");
}

}  // namespace

absl::Status CheckCall(const Node& node, const CallContext& context, Right right) {
  if (IsLearner(node) && !ServedByLearners(context.method)) {
    return errors::NotSupportedForLearner();
  }
  if (const auto version = context.Find("client-api-version"); version && !IsUtf8(*version)) {
    return errors::InvalidClientApiVersion();
  }
  if (!TakesRequestId(context.method) && context.Find(kRequestIdKey)) {
    return errors::NoRequestIdHere();
  }
  if (node.OutOfService() && !ServedOutOfService(context.method)) return errors::Corrupt();
  if (RequiresLeader(context) && !node.HasLeader()) return errors::NoLeader();
  return CheckRight(kAuthIsOn, right, context.identity);
}

bool IsLearner(const Node& node) { return node.configuration().IsLearner(node.identity().member); }

}  // namespace keelson::server
