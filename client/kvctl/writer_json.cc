// One JSON value and a newline for each answer, in the shape of etcdctl: keys and values in base64,
// numbers as numbers, what is zero or empty left out.
// YAML is the same values, written as YAML.
#include <functional>
#include <ostream>
#include <utility>

#include "base/check.h"
#include "client/kvctl/json.h"
#include "client/kvctl/json_value.h"
#include "client/kvctl/text.h"
#include "client/kvctl/writer.h"
#include "client/kvctl/yaml.h"

namespace keelson::kvctl {
namespace {

void AddHeader(const client::Header& header, JsonObject& object) {
  object.SomeUint("cluster_id", header.cluster_id)
      .SomeUint("member_id", header.member_id)
      .SomeInt("revision", header.revision)
      .SomeUint("raft_term", header.raft_term);
}

std::string ToJson(const client::Header& header) {
  JsonObject object;
  AddHeader(header, object);
  return object.Done();
}

std::string ToJson(const client::KeyValue& kv) {
  return JsonObject()
      .SomeBytes("key", kv.key)
      .SomeInt("create_revision", kv.create_revision)
      .SomeInt("mod_revision", kv.mod_revision)
      .SomeInt("version", kv.version)
      .SomeBytes("value", kv.value)
      .SomeInt("lease", kv.lease)
      .Done();
}

template <typename Items>
void AddKvs(const char* name, const Items& kvs, JsonObject& object) {
  JsonArray array;
  for (const client::KeyValue& kv : kvs) array.Raw(ToJson(kv));
  if (!array.empty()) object.Raw(name, array.Done());
}

std::string ToJson(const client::GetResult& result) {
  JsonObject object;
  object.Raw("header", ToJson(result.header));
  AddKvs("kvs", result.kvs, object);
  return object.SomeBool("more", result.more).SomeInt("count", result.count).Done();
}

std::string ToJson(const client::Freshness& freshness) {
  JsonObject object;
  if (freshness.age) object.Int("age_ms", absl::ToInt64Milliseconds(*freshness.age));
  return object.Bool("quorum", freshness.quorum)
      .Bool("linearizable", freshness.linearizable)
      .Int("revision", freshness.revision)
      .Done();
}

std::string ToJson(const client::PutResult& result) {
  JsonObject object;
  object.Raw("header", ToJson(result.header));
  if (result.prev_kv) object.Raw("prev_kv", ToJson(*result.prev_kv));
  return object.Done();
}

std::string ToJson(const client::DeleteResult& result) {
  JsonObject object;
  object.Raw("header", ToJson(result.header)).SomeInt("deleted", result.deleted);
  AddKvs("prev_kvs", result.prev_kvs, object);
  return object.Done();
}

std::string ToJson(const client::TxnResult& result);

// The member of a transaction's answer, under the name of its kind.
struct NamedResponse {
  std::string operator()(const client::GetResult& result) const {
    return JsonObject().Raw("ResponseRange", ToJson(result)).Done();
  }
  std::string operator()(const client::PutResult& result) const {
    return JsonObject().Raw("ResponsePut", ToJson(result)).Done();
  }
  std::string operator()(const client::DeleteResult& result) const {
    return JsonObject().Raw("ResponseDeleteRange", ToJson(result)).Done();
  }
  std::string operator()(const std::shared_ptr<const client::TxnResult>& result) const {
    return JsonObject().Raw("ResponseTxn", ToJson(*result)).Done();
  }
};

std::string ToJson(const client::TxnResult& result) {
  JsonArray responses;
  for (const client::OpResult& response : result.responses) {
    responses.Raw(JsonObject().Raw("Response", std::visit(NamedResponse{}, response)).Done());
  }
  JsonObject object;
  object.Raw("header", ToJson(result.header)).SomeBool("succeeded", result.succeeded);
  if (!responses.empty()) object.Raw("responses", responses.Done());
  return object.Done();
}

std::string ToJson(const client::WatchEvent& event) {
  JsonObject object;
  object.SomeInt("type", event.type == client::WatchEvent::Type::kDelete ? 1 : 0);
  object.Raw("kv", ToJson(event.kv));
  if (event.prev_kv) object.Raw("prev_kv", ToJson(*event.prev_kv));
  return object.Done();
}

std::string ToJson(const client::MemberStatus& status) {
  JsonArray errors;
  for (const std::string& error : status.errors) errors.Raw(JsonString(error));
  JsonObject object;
  object.Raw("header", ToJson(status.header))
      .SomeText("version", status.version)
      .SomeInt("dbSize", status.db_size)
      .SomeUint("leader", status.leader)
      .SomeUint("raftIndex", status.raft_index)
      .SomeUint("raftTerm", status.raft_term)
      .SomeUint("raftAppliedIndex", status.raft_applied_index);
  if (!errors.empty()) object.Raw("errors", errors.Done());
  return object.SomeInt("dbSizeInUse", status.db_size_in_use)
      .SomeBool("isLearner", status.is_learner)
      .SomeText("storageVersion", status.storage_version)
      .SomeInt("dbSizeQuota", status.db_size_quota)
      .Done();
}

std::string ToJson(const client::MemberHash& hash) {
  return JsonObject()
      .Raw("header", ToJson(hash.header))
      .SomeUint("hash", hash.hash)
      .SomeInt("compact_revision", hash.compact_revision)
      .SomeInt("hash_revision", hash.hash_revision)
      .Done();
}

std::string TextArray(const std::vector<std::string>& texts) {
  JsonArray array;
  for (const std::string& text : texts) array.Raw(JsonString(text));
  return array.Done();
}

std::string ToJson(const client::Member& member) {
  JsonObject object;
  object.SomeUint("ID", member.id).SomeText("name", member.name);
  if (!member.peer_urls.empty()) object.Raw("peerURLs", TextArray(member.peer_urls));
  if (!member.client_urls.empty()) object.Raw("clientURLs", TextArray(member.client_urls));
  return object.SomeBool("isLearner", member.is_learner).Done();
}

std::string ToJson(const std::vector<client::Member>& members) {
  JsonArray array;
  for (const client::Member& member : members) array.Raw(ToJson(member));
  return array.Done();
}

class JsonWriter : public Writer {
 public:
  // `line` gets each value, complete.
  explicit JsonWriter(std::function<void(const std::string&)> line) : line_(std::move(line)) {}

  void Get(const client::GetResult& result, const GetStyle& style) override {
    std::string json = ToJson(result);
    if (style.freshness) {
      json.replace(json.size() - 1, 1, ",\"freshness\":" + ToJson(result.freshness) + "}");
    }
    Line(json);
  }
  void Put(const client::PutResult& result) override { Line(ToJson(result)); }
  void Delete(const client::DeleteResult& result) override { Line(ToJson(result)); }
  void Txn(const client::TxnResult& result) override { Line(ToJson(result)); }

  void Compact(int64_t, const client::CompactResult& result) override { HeaderOnly(result.header); }

  void Watch(const client::WatchBatch& batch) override {
    JsonArray events;
    for (const client::WatchEvent& event : batch.events) events.Raw(ToJson(event));
    Line(JsonObject()
             .Raw("Header", ToJson(batch.header))
             .Raw("Events", events.Done())
             .Int("CompactRevision", 0)
             .Bool("Canceled", false)
             .Bool("Created", false)
             .Done());
  }

  void LeaseGrant(const client::LeaseGrantResult& result) override {
    JsonObject object;
    AddHeader(result.header, object);
    Line(object.Int("ID", result.id).Int("TTL", result.ttl).Text("Error", "").Done());
  }

  void LeaseRevoke(int64_t, const client::LeaseRevokeResult& result) override {
    HeaderOnly(result.header);
  }

  void LeaseRenew(const client::LeaseRenewResult& result) override {
    JsonObject object;
    AddHeader(result.header, object);
    Line(object.Int("ID", result.id).Int("TTL", result.ttl).Done());
  }

  void LeaseTtl(const client::LeaseTtlResult& result) override {
    JsonArray keys;
    for (const std::string& key : result.keys) keys.Raw(JsonBase64(key));
    JsonObject object;
    AddHeader(result.header, object);
    Line(object.Int("id", result.id)
             .Int("ttl", result.ttl)
             .Int("granted-ttl", result.granted_ttl)
             .Raw("keys", keys.empty() ? "null" : keys.Done())
             .Done());
  }

  void LeaseList(const client::LeaseListResult& result) override {
    JsonArray leases;
    for (const int64_t id : result.ids) leases.Raw(JsonObject().Int("id", id).Done());
    JsonObject object;
    AddHeader(result.header, object);
    Line(object.Raw("leases", leases.Done()).Done());
  }

  void MemberList(const client::MemberListResult& result) override {
    Line(JsonObject()
             .Raw("header", ToJson(result.header))
             .Raw("members", ToJson(result.members))
             .Done());
  }

  void MemberAdded(const NewMember& added) override {
    Line(JsonObject()
             .Raw("header", ToJson(added.result.header))
             .Raw("member", ToJson(added.result.member))
             .Raw("members", ToJson(added.result.members))
             .Done());
  }

  void MemberChanged(MemberVerb, uint64_t, const client::MemberChangeResult& result) override {
    Line(JsonObject()
             .Raw("header", ToJson(result.header))
             .Raw("members", ToJson(result.members))
             .Done());
  }

  void EndpointStatuses(const std::vector<EndpointStatus>& statuses) override {
    JsonArray array;
    for (const EndpointStatus& one : statuses) {
      array.Raw(
          JsonObject().Text("Endpoint", one.endpoint).Raw("Status", ToJson(one.status)).Done());
    }
    Line(array.Done());
  }

  void EndpointHealth(const std::vector<client::MemberHealth>& reports) override {
    JsonArray array;
    for (const client::MemberHealth& report : reports) {
      array.Raw(JsonObject()
                    .Text("endpoint", report.endpoint)
                    .Bool("health", report.healthy)
                    .Text("took", HumanDuration(report.took))
                    .SomeText("error", report.error)
                    .Done());
    }
    Line(array.Done());
  }

  void EndpointHashes(const std::vector<EndpointHash>& hashes) override {
    JsonArray array;
    for (const auto& [endpoint, hash] : hashes) {
      array.Raw(JsonObject().Text("Endpoint", endpoint).Raw("HashKV", ToJson(hash)).Done());
    }
    Line(array.Done());
  }

  void Defrag(const std::vector<EndpointDefrag>& reports) override {
    JsonArray array;
    for (const auto& [endpoint, error] : reports) {
      array.Raw(JsonObject()
                    .Text("endpoint", endpoint)
                    .Bool("defragmented", error.empty())
                    .SomeText("error", error)
                    .Done());
    }
    Line(array.Done());
  }

  void MoveLeader(uint64_t from, uint64_t to) override {
    Line(JsonObject().Uint("from", from).Uint("to", to).Done());
  }

  void Alarms(const client::AlarmResult& result) override {
    JsonArray alarms;
    for (const client::Alarm& alarm : result.alarms) {
      alarms.Raw(JsonObject()
                     .SomeUint("memberID", alarm.member_id)
                     .SomeInt("alarm", static_cast<int>(alarm.type))
                     .Done());
    }
    JsonObject object;
    object.Raw("header", ToJson(result.header));
    if (!alarms.empty()) object.Raw("alarms", alarms.Done());
    Line(object.Done());
  }

  void Show(const Answer& answer) override { Line(answer.json); }

 private:
  void Line(const std::string& json) { line_(json); }
  void HeaderOnly(const client::Header& header) {
    Line(JsonObject().Raw("header", ToJson(header)).Done());
  }

  const std::function<void(const std::string&)> line_;
};

}  // namespace

std::unique_ptr<Writer> MakeJsonWriter(std::ostream& out) {
  return std::make_unique<JsonWriter>([&out](const std::string& json) { out << json << "\n"; });
}

std::unique_ptr<Writer> MakeYamlWriter(std::ostream& out) {
  return std::make_unique<JsonWriter>([&out](const std::string& json) {
    const auto value = ParseJson(json);
    KEELSON_CHECK(value.ok(), "what the writer wrote is JSON");
    out << ToYaml(*value);
  });
}

}  // namespace keelson::kvctl
