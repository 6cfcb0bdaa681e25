#include "client/kvctl/writer_simple.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {

// Writes the answers inside a transaction's.
struct SimpleWriter::OpWriter {
  SimpleWriter& writer;

  void operator()(const client::GetResult& result) const { writer.Get(result, {}); }
  void operator()(const client::PutResult& result) const { writer.Put(result); }
  void operator()(const client::DeleteResult& result) const { writer.Delete(result); }
  void operator()(const std::shared_ptr<const client::TxnResult>& result) const {
    writer.Txn(*result);
  }
};

std::string SimpleWriter::Bytes(const std::string& bytes) const {
  return options_.hex ? HexBytes(bytes) : bytes;
}

std::string SimpleWriter::Strong(const std::string& text) const {
  return options_.colour ? "\x1b[1m" + text + "\x1b[0m" : text;
}

void SimpleWriter::Pair(const client::KeyValue& kv) {
  out_ << Strong(Bytes(kv.key)) << "\n" << Bytes(kv.value) << "\n";
}

void SimpleWriter::Get(const client::GetResult& result, const GetStyle& style) {
  if (style.count_only) {
    out_ << result.count << "\n";
    return;
  }
  for (const client::KeyValue& kv : result.kvs) {
    if (style.value_only) {
      out_ << Bytes(kv.value) << "\n";
    } else {
      Pair(kv);
    }
  }
}

void SimpleWriter::Put(const client::PutResult& result) {
  out_ << "OK\n";
  if (result.prev_kv) Pair(*result.prev_kv);
}

void SimpleWriter::Delete(const client::DeleteResult& result) {
  out_ << result.deleted << "\n";
  for (const client::KeyValue& kv : result.prev_kvs) Pair(kv);
}

void SimpleWriter::Txn(const client::TxnResult& result) {
  out_ << (result.succeeded ? "SUCCESS\n" : "FAILURE\n");
  for (const client::OpResult& response : result.responses) {
    out_ << "\n";
    std::visit(OpWriter{*this}, response);
  }
}

void SimpleWriter::Compact(int64_t revision, const client::CompactResult&) {
  out_ << "compacted revision " << revision << "\n";
}

void SimpleWriter::Watch(const client::WatchBatch& batch) {
  if (batch.is_progress()) {
    out_ << "progress notify: " << batch.header.revision << "\n";
    return;
  }
  for (const client::WatchEvent& event : batch.events) {
    out_ << (event.type == client::WatchEvent::Type::kPut ? "PUT\n" : "DELETE\n");
    if (event.prev_kv) Pair(*event.prev_kv);
    Pair(event.kv);
  }
}

void SimpleWriter::LeaseGrant(const client::LeaseGrantResult& result) {
  out_ << "lease " << LeaseText(result.id) << " granted with TTL(" << result.ttl << "s)\n";
}

void SimpleWriter::LeaseRevoke(int64_t id, const client::LeaseRevokeResult&) {
  out_ << "lease " << LeaseText(id) << " revoked\n";
}

void SimpleWriter::LeaseRenew(const client::LeaseRenewResult& result) {
  out_ << "lease " << LeaseText(result.id) << " keepalived with TTL(" << result.ttl << ")\n";
}

void SimpleWriter::LeaseTtl(const client::LeaseTtlResult& result) {
  if (result.ttl < 0) {
    out_ << "lease " << LeaseText(result.id) << " already expired\n";
    return;
  }
  out_ << "lease " << LeaseText(result.id) << " granted with TTL(" << result.granted_ttl
       << "s), remaining(" << result.ttl << "s)";
  if (!result.keys.empty()) {
    std::vector<std::string> keys;
    for (const std::string& key : result.keys) keys.push_back(Bytes(key));
    out_ << ", attached keys([" << absl::StrJoin(keys, " ") << "])";
  }
  out_ << "\n";
}

void SimpleWriter::LeaseList(const client::LeaseListResult& result) {
  out_ << "found " << result.ids.size() << " leases\n";
  for (const int64_t id : result.ids) out_ << LeaseText(id) << "\n";
}

void SimpleWriter::MemberList(const client::MemberListResult& result) {
  for (const client::Member& member : result.members) {
    out_ << HexId(member.id) << ", " << (member.name.empty() ? "unstarted" : "started") << ", "
         << member.name << ", " << absl::StrJoin(member.peer_urls, ",") << ", "
         << absl::StrJoin(member.client_urls, ",") << ", " << (member.is_learner ? "true" : "false")
         << "\n";
  }
}

// The lines that etcdctl prints: a shell can read those that begin with ETCD_.
void SimpleWriter::MemberAdded(const NewMember& added) {
  const client::Member& self = added.result.member;
  std::vector<std::string> cluster;
  for (const client::Member& member : added.result.members) {
    const std::string& name = member.id == self.id ? added.name : member.name;
    for (const std::string& url : member.peer_urls) cluster.push_back(name + "=" + url);
  }
  out_ << "Member " << HexId(self.id) << " added to cluster "
       << HexId(added.result.header.cluster_id) << "\n\n"
       << "ETCD_NAME=\"" << added.name << "\"\n"
       << "ETCD_INITIAL_CLUSTER=\"" << absl::StrJoin(cluster, ",") << "\"\n"
       << "ETCD_INITIAL_ADVERTISE_PEER_URLS=\"" << absl::StrJoin(self.peer_urls, ",") << "\"\n"
       << "ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n";
}

void SimpleWriter::MemberChanged(MemberVerb verb, uint64_t id,
                                 const client::MemberChangeResult& result) {
  const std::string member = absl::StrCat("Member ", HexId(id));
  const std::string cluster = absl::StrCat(" cluster ", HexId(result.header.cluster_id));
  switch (verb) {
    case MemberVerb::kRemoved:
      out_ << member << " removed from" << cluster << "\n";
      break;
    case MemberVerb::kUpdated:
      out_ << member << " updated in" << cluster << "\n";
      break;
    case MemberVerb::kPromoted:
      out_ << member << " promoted in" << cluster << "\n";
      break;
  }
}

void SimpleWriter::EndpointStatuses(const std::vector<EndpointStatus>& statuses) {
  for (const auto& [endpoint, status] : statuses) {
    out_ << endpoint << ", " << HexId(status.header.member_id) << ", " << status.version << ", "
         << HumanBytes(status.db_size) << ", " << (status.is_leader() ? "true" : "false") << ", "
         << (status.is_learner ? "true" : "false") << ", " << status.raft_term << ", "
         << status.raft_index << ", " << status.raft_applied_index << ", "
         << absl::StrJoin(status.errors, "; ") << "\n";
  }
}

void SimpleWriter::EndpointHealth(const std::vector<client::MemberHealth>& reports) {
  for (const client::MemberHealth& report : reports) {
    out_ << report.endpoint;
    if (report.healthy) {
      out_ << " is healthy: successfully committed proposal: took = " << HumanDuration(report.took)
           << "\n";
    } else {
      out_ << " is unhealthy: " << report.error << "\n";
    }
  }
}

void SimpleWriter::EndpointHashes(const std::vector<EndpointHash>& hashes) {
  for (const auto& [endpoint, hash] : hashes) {
    out_ << endpoint << ", " << hash.hash << ", " << hash.hash_revision << "\n";
  }
}

// Failures are told beside the answer.
void SimpleWriter::Defrag(const std::vector<EndpointDefrag>& reports) {
  for (const EndpointDefrag& report : reports) {
    if (!report.error.empty()) continue;
    out_ << "Finished defragmenting etcd member[" << report.endpoint << "]\n";
  }
}

void SimpleWriter::MoveLeader(uint64_t from, uint64_t to) {
  out_ << "Leadership transferred from " << HexId(from) << " to " << HexId(to) << "\n";
}

void SimpleWriter::Alarms(const client::AlarmResult& result) {
  for (const client::Alarm& alarm : result.alarms) {
    out_ << "memberID:" << alarm.member_id << " alarm:" << client::AlarmTypeName(alarm.type)
         << "\n";
  }
}

void SimpleWriter::Show(const Answer& answer) { out_ << answer.plain; }

std::unique_ptr<Writer> MakeSimpleWriter(const WriteOptions& options, std::ostream& out) {
  return std::make_unique<SimpleWriter>(options, out);
}

}  // namespace keelson::kvctl
