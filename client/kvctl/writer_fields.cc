// "Name" : value, one field a line, as etcdctl writes them: for eyes that look for one number.
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "client/kvctl/json_value.h"
#include "client/kvctl/text.h"
#include "client/kvctl/writer.h"

namespace keelson::kvctl {
namespace {

class FieldsWriter : public Writer {
 public:
  explicit FieldsWriter(std::ostream& out) : out_(out) {}

  void Get(const client::GetResult& result, const GetStyle& style) override {
    Header(result.header);
    for (const client::KeyValue& kv : result.kvs) Pair("", kv);
    Line("More", result.more ? "true" : "false");
    Line("Count", result.count);
    if (!style.freshness) return;
    const client::Freshness& freshness = result.freshness;
    Line("Age", freshness.age ? HumanDuration(*freshness.age) : "unknown");
    Line("Quorum", freshness.quorum ? "true" : "false");
    Line("Linearizable", freshness.linearizable ? "true" : "false");
  }

  void Put(const client::PutResult& result) override {
    Header(result.header);
    if (result.prev_kv) Pair("Prev", *result.prev_kv);
  }

  void Delete(const client::DeleteResult& result) override {
    Header(result.header);
    Line("Deleted", result.deleted);
    for (const client::KeyValue& kv : result.prev_kvs) Pair("Prev", kv);
  }

  void Txn(const client::TxnResult& result) override {
    Header(result.header);
    Line("Succeeded", result.succeeded ? "true" : "false");
    for (const client::OpResult& response : result.responses) std::visit(*this, response);
  }

  // The answers inside a transaction's.
  void operator()(const client::GetResult& result) { Get(result, {}); }
  void operator()(const client::PutResult& result) { Put(result); }
  void operator()(const client::DeleteResult& result) { Delete(result); }
  void operator()(const std::shared_ptr<const client::TxnResult>& result) { Txn(*result); }

  void Compact(int64_t, const client::CompactResult& result) override { Header(result.header); }

  void Watch(const client::WatchBatch& batch) override {
    Header(batch.header);
    for (const client::WatchEvent& event : batch.events) {
      Line("Type", event.type == client::WatchEvent::Type::kPut ? "PUT" : "DELETE");
      if (event.prev_kv) Pair("Prev", *event.prev_kv);
      Pair("", event.kv);
    }
  }

  void LeaseGrant(const client::LeaseGrantResult& result) override {
    Header(result.header);
    Line("ID", result.id);
    Line("TTL", result.ttl);
  }

  void LeaseRevoke(int64_t, const client::LeaseRevokeResult& result) override {
    Header(result.header);
  }

  void LeaseRenew(const client::LeaseRenewResult& result) override {
    Header(result.header);
    Line("ID", result.id);
    Line("TTL", result.ttl);
  }

  void LeaseTtl(const client::LeaseTtlResult& result) override {
    Header(result.header);
    Line("ID", result.id);
    Line("TTL", result.ttl);
    Line("GrantedTTL", result.granted_ttl);
    for (const std::string& key : result.keys) Line("Key", Quoted(key));
  }

  void LeaseList(const client::LeaseListResult& result) override {
    Header(result.header);
    for (const int64_t id : result.ids) Line("ID", id);
  }

  void MemberList(const client::MemberListResult& result) override {
    Members(result.header, result.members);
  }

  void MemberAdded(const NewMember& added) override {
    Members(added.result.header, added.result.members);
    Line("AddedID", added.result.member.id);
  }

  void MemberChanged(MemberVerb, uint64_t, const client::MemberChangeResult& result) override {
    Members(result.header, result.members);
  }

  void EndpointStatuses(const std::vector<EndpointStatus>& statuses) override {
    for (const EndpointStatus& one : statuses) {
      Header(one.status.header);
      Line("Version", Quoted(one.status.version));
      Line("DBSize", one.status.db_size);
      Line("DBSizeInUse", one.status.db_size_in_use);
      Line("Leader", one.status.leader);
      Line("IsLearner", one.status.is_learner ? "true" : "false");
      Line("RaftIndex", one.status.raft_index);
      Line("RaftTerm", one.status.raft_term);
      Line("RaftAppliedIndex", one.status.raft_applied_index);
      std::vector<std::string> errors;
      for (const std::string& error : one.status.errors) errors.push_back(Quoted(error));
      Line("Errors", absl::StrCat("[", absl::StrJoin(errors, " "), "]"));
      Line("Endpoint", Quoted(one.endpoint));
      out_ << "\n";
    }
  }

  void EndpointHealth(const std::vector<client::MemberHealth>& reports) override {
    for (const client::MemberHealth& report : reports) {
      Line("Endpoint", Quoted(report.endpoint));
      Line("Health", report.healthy ? "true" : "false");
      Line("Took", HumanDuration(report.took));
      Line("Error", Quoted(report.error));
      out_ << "\n";
    }
  }

  void EndpointHashes(const std::vector<EndpointHash>& hashes) override {
    for (const auto& [endpoint, hash] : hashes) {
      Header(hash.header);
      Line("Endpoint", Quoted(endpoint));
      Line("Hash", hash.hash);
      Line("HashRevision", hash.hash_revision);
      Line("CompactRevision", hash.compact_revision);
      out_ << "\n";
    }
  }

  void Defrag(const std::vector<EndpointDefrag>& reports) override {
    for (const auto& [endpoint, error] : reports) {
      Line("Endpoint", Quoted(endpoint));
      Line("Defragmented", error.empty() ? "true" : "false");
      Line("Error", Quoted(error));
      out_ << "\n";
    }
  }

  void MoveLeader(uint64_t from, uint64_t to) override {
    Line("From", from);
    Line("To", to);
  }

  void Alarms(const client::AlarmResult& result) override {
    Header(result.header);
    for (const client::Alarm& alarm : result.alarms) {
      Line("MemberID", alarm.member_id);
      Line("AlarmType", client::AlarmTypeName(alarm.type));
      out_ << "\n";
    }
  }

  void Show(const Answer& answer) override {
    const auto value = ParseJson(answer.json);
    KEELSON_CHECK(value.ok(), "an answer's JSON is JSON");
    Flat("", *value);
  }

 private:
  // "mod_revision" is ModRevision; members of members have both names; items end with an empty
  // line.
  void Flat(const std::string& name, const JsonValue& value) {
    for (const auto& [member, inner] : value.members) Flat(name + FieldName(member), inner);
    for (const JsonValue& item : value.items) {
      Flat(name, item);
      if (!item.members.empty()) out_ << "\n";
    }
    if (!value.members.empty() || !value.items.empty()) return;
    if (value.kind == JsonValue::Kind::kArray || value.kind == JsonValue::Kind::kObject) return;
    Line(name, value.kind == JsonValue::Kind::kString ? Quoted(value.text) : value.text);
  }

  static std::string FieldName(const std::string& name) {
    std::string field;
    bool starts = true;
    for (const char c : name) {
      if (c != '_') field += starts ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c;
      starts = c == '_';
    }
    return field;
  }

  void Members(const client::Header& header, const std::vector<client::Member>& members) {
    Header(header);
    for (const client::Member& member : members) {
      Line("ID", member.id);
      Line("Name", Quoted(member.name));
      for (const std::string& url : member.peer_urls) Line("PeerURL", Quoted(url));
      for (const std::string& url : member.client_urls) Line("ClientURL", Quoted(url));
      Line("IsLearner", member.is_learner ? "true" : "false");
      out_ << "\n";
    }
  }
  template <typename Value>
  void Line(const std::string& name, const Value& value) {
    out_ << '"' << name << "\" : " << value << "\n";
  }

  void Header(const client::Header& header) {
    Line("ClusterID", header.cluster_id);
    Line("MemberID", header.member_id);
    Line("Revision", header.revision);
    Line("RaftTerm", header.raft_term);
  }

  void Pair(const std::string& prefix, const client::KeyValue& kv) {
    Line(prefix + "Key", Quoted(kv.key));
    Line(prefix + "CreateRevision", kv.create_revision);
    Line(prefix + "ModRevision", kv.mod_revision);
    Line(prefix + "Version", kv.version);
    Line(prefix + "Value", Quoted(kv.value));
    Line(prefix + "Lease", kv.lease);
  }

  std::ostream& out_;
};

}  // namespace

std::unique_ptr<Writer> MakeFieldsWriter(std::ostream& out) {
  return std::make_unique<FieldsWriter>(out);
}

}  // namespace keelson::kvctl
