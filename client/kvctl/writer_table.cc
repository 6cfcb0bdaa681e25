// Tables where an answer has rows; the rest as plain lines.
#include "absl/strings/str_join.h"
#include "client/kvctl/table.h"
#include "client/kvctl/text.h"
#include "client/kvctl/writer_simple.h"

namespace keelson::kvctl {
namespace {

class TableWriter : public SimpleWriter {
 public:
  using SimpleWriter::SimpleWriter;

  void Get(const client::GetResult& result, const GetStyle& style) override {
    if (style.count_only || style.value_only) return SimpleWriter::Get(result, style);
    Table table({"KEY", "VALUE", "REVISION", "VERSION", "LEASE"});
    for (const client::KeyValue& kv : result.kvs) {
      table.Row({Cell(kv.key), Cell(kv.value), std::to_string(kv.mod_revision),
                 std::to_string(kv.version), kv.lease == 0 ? "" : LeaseText(kv.lease)});
    }
    Print(table);
    if (result.more) {
      out() << "(" << result.kvs.size() << " of " << result.count
            << "; --limit cut the rest off)\n";
    }
  }

  void LeaseList(const client::LeaseListResult& result) override {
    Table table({"LEASE"});
    for (const int64_t id : result.ids) table.Row({LeaseText(id)});
    Print(table);
  }

  void LeaseTtl(const client::LeaseTtlResult& result) override {
    Table table({"LEASE", "GRANTED", "REMAINING", "KEYS"});
    std::vector<std::string> keys;
    for (const std::string& key : result.keys) keys.push_back(Cell(key));
    table.Row({LeaseText(result.id), std::to_string(result.granted_ttl) + "s",
               result.ttl < 0 ? "expired" : std::to_string(result.ttl) + "s",
               absl::StrJoin(keys, ", ")});
    Print(table);
  }

  void MemberList(const client::MemberListResult& result) override {
    Table table({"ID", "STATUS", "NAME", "PEER URLS", "CLIENT URLS", "LEARNER"});
    for (const client::Member& member : result.members) {
      table.Row({HexId(member.id), member.name.empty() ? "unstarted" : "started", member.name,
                 absl::StrJoin(member.peer_urls, ","), absl::StrJoin(member.client_urls, ","),
                 member.is_learner ? "yes" : "no"});
    }
    Print(table);
  }

  void MemberChanged(MemberVerb verb, uint64_t id,
                     const client::MemberChangeResult& result) override {
    SimpleWriter::MemberChanged(verb, id, result);
    MemberList({.header = result.header, .members = result.members});
  }

  void EndpointStatuses(const std::vector<EndpointStatus>& statuses) override {
    Table table({"ENDPOINT", "ID", "VERSION", "DB SIZE", "IN USE", "ROLE", "TERM", "INDEX",
                 "APPLIED", "ERRORS"});
    for (const auto& [endpoint, status] : statuses) {
      table.Row({endpoint, HexId(status.header.member_id), status.version,
                 HumanBytes(status.db_size), HumanBytes(status.db_size_in_use), Role(status),
                 std::to_string(status.raft_term), std::to_string(status.raft_index),
                 std::to_string(status.raft_applied_index), absl::StrJoin(status.errors, "; ")});
    }
    Print(table);
  }

  void EndpointHealth(const std::vector<client::MemberHealth>& reports) override {
    Table table({"ENDPOINT", "HEALTH", "TOOK", "ERROR"});
    for (const client::MemberHealth& report : reports) {
      table.Row({report.endpoint, report.healthy ? "healthy" : "unhealthy",
                 HumanDuration(report.took), report.error});
    }
    Print(table);
  }

  void EndpointHashes(const std::vector<EndpointHash>& hashes) override {
    Table table({"ENDPOINT", "HASH", "REVISION", "COMPACTED"});
    for (const auto& [endpoint, hash] : hashes) {
      table.Row({endpoint, std::to_string(hash.hash), std::to_string(hash.hash_revision),
                 hash.compact_revision < 0 ? "never" : std::to_string(hash.compact_revision)});
    }
    Print(table);
  }

  void Defrag(const std::vector<EndpointDefrag>& reports) override {
    Table table({"ENDPOINT", "DEFRAGMENTED", "ERROR"});
    for (const auto& [endpoint, error] : reports) {
      table.Row({endpoint, error.empty() ? "yes" : "no", error});
    }
    Print(table);
  }

  void Alarms(const client::AlarmResult& result) override {
    Table table({"MEMBER", "ALARM"});
    for (const client::Alarm& alarm : result.alarms) {
      table.Row({HexId(alarm.member_id), client::AlarmTypeName(alarm.type)});
    }
    Print(table);
  }

  void Show(const Answer& answer) override {
    if (answer.columns.empty()) return SimpleWriter::Show(answer);
    Table table(answer.columns);
    for (const std::vector<std::string>& row : answer.rows) table.Row(row);
    Print(table);
  }

 private:
  static std::string Role(const client::MemberStatus& status) {
    if (status.is_learner) return "learner";
    if (status.is_leader()) return "leader";
    return status.leader == 0 ? "no leader" : "follower";
  }

  // A cell is one line: what would break it is escaped.
  std::string Cell(const std::string& bytes) const {
    return options().hex ? HexBytes(bytes) : Escaped(bytes);
  }

  void Print(const Table& table) { table.Print(options().colour, out()); }
};

}  // namespace

std::unique_ptr<Writer> MakeTableWriter(const WriteOptions& options, std::ostream& out) {
  return std::make_unique<TableWriter>(options, out);
}

std::unique_ptr<Writer> MakeWriter(OutputFormat format, const WriteOptions& options,
                                   std::ostream& out) {
  switch (format) {
    case OutputFormat::kJson:
      return MakeJsonWriter(out);
    case OutputFormat::kYaml:
      return MakeYamlWriter(out);
    case OutputFormat::kFields:
      return MakeFieldsWriter(out);
    case OutputFormat::kTable:
      return MakeTableWriter(options, out);
    case OutputFormat::kSimple:
      break;
  }
  return MakeSimpleWriter(options, out);
}

}  // namespace keelson::kvctl
