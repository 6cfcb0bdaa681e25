#include "server/api/lock_service.h"

#include <memory>
#include <string_view>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "proto/etcd/v3lock.pb.h"
#include "server/api/claim.h"
#include "server/api/methods.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;

void AnswerHeld(Call& call, const Claim::Held& held) {
  v3lockpb::LockResponse response;
  *response.mutable_header() = held.last;
  response.set_key(held.key);
  Answer(call, response);
}

}  // namespace

void LockService::AddTo(Methods& methods) {
  methods.AddUnary<v3lockpb::LockRequest>(
      "/v3lockpb.Lock/Lock",
      [this](CallPtr call, const v3lockpb::LockRequest& request, std::string_view) {
        Claim::Start(client_, std::move(call),
                     {.name = request.name(),
                      .lease = request.lease(),
                      .value = {},
                      .change_value = false,
                      .lost = errors::SessionExpired()},
                     AnswerHeld);
      });
  methods.AddUnary<v3lockpb::UnlockRequest>(
      "/v3lockpb.Lock/Unlock",
      [this](const CallPtr& call, const v3lockpb::UnlockRequest& request, std::string_view) {
        etcdserverpb::DeleteRangeRequest remove;
        remove.set_key(request.key());
        client_.Call<etcdserverpb::DeleteRangeResponse>(
            LocalClient::CallerOf(call->context()), "/etcdserverpb.KV/DeleteRange", remove,
            [call](const absl::Status& status, const auto& removed) {
              if (!status.ok()) return Answer(*call, errors::AsUnknown(status));
              v3lockpb::UnlockResponse response;
              *response.mutable_header() = removed.header();
              Answer(*call, response);
            });
      });
}

}  // namespace keelson::server
