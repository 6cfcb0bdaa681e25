// How results look. Commands get a writer and know no format; writers know no commands.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "client/keelson/client.h"

namespace keelson::kvctl {

enum class OutputFormat { kSimple, kTable, kJson, kYaml, kFields };

struct WriteOptions {
  bool hex = false;     // print keys and values as \x66\x6f\x6f (simple and table)
  bool colour = false;  // only for terminals
};

// Which parts of a range's answer the user asked for.
struct GetStyle {
  bool value_only = false;
  bool count_only = false;
  bool freshness = false;  // json, yaml and fields tell how old it is
};

// A change of the membership: what a command did to `id`.
enum class MemberVerb { kRemoved, kUpdated, kPromoted };

// What a new member is to be started with.
struct NewMember {
  std::string name;
  client::MemberAddResult result;
};

struct EndpointStatus {
  std::string endpoint;
  client::MemberStatus status;
};

struct EndpointHash {
  std::string endpoint;
  client::MemberHash hash;
};

struct EndpointDefrag {
  std::string endpoint;
  std::string error;  // empty: it was done
};

// A result that etcdctl has no shape for: the command says how it looks in each.
struct Answer {
  std::string plain = {};                           // simple output, whole lines
  std::vector<std::string> columns = {};            // of the table; none: it is as `plain`
  std::vector<std::vector<std::string>> rows = {};  // a cell for each column
  std::string json = {};                            // a complete value, for json, yaml and fields
};

class Writer {
 public:
  virtual ~Writer() = default;

  virtual void Get(const client::GetResult& result, const GetStyle& style) = 0;
  virtual void Put(const client::PutResult& result) = 0;
  virtual void Delete(const client::DeleteResult& result) = 0;
  virtual void Txn(const client::TxnResult& result) = 0;
  virtual void Compact(int64_t revision, const client::CompactResult& result) = 0;
  virtual void Watch(const client::WatchBatch& batch) = 0;
  virtual void LeaseGrant(const client::LeaseGrantResult& result) = 0;
  virtual void LeaseRevoke(int64_t id, const client::LeaseRevokeResult& result) = 0;
  virtual void LeaseRenew(const client::LeaseRenewResult& result) = 0;
  virtual void LeaseTtl(const client::LeaseTtlResult& result) = 0;
  virtual void LeaseList(const client::LeaseListResult& result) = 0;
  virtual void MemberList(const client::MemberListResult& result) = 0;
  virtual void MemberAdded(const NewMember& added) = 0;
  virtual void MemberChanged(MemberVerb verb, uint64_t id,
                             const client::MemberChangeResult& result) = 0;
  virtual void EndpointStatuses(const std::vector<EndpointStatus>& statuses) = 0;
  virtual void EndpointHealth(const std::vector<client::MemberHealth>& reports) = 0;
  virtual void EndpointHashes(const std::vector<EndpointHash>& hashes) = 0;
  virtual void Defrag(const std::vector<EndpointDefrag>& reports) = 0;
  virtual void MoveLeader(uint64_t from, uint64_t to) = 0;
  virtual void Alarms(const client::AlarmResult& result) = 0;
  virtual void Show(const Answer& answer) = 0;
};

// A writer on `out`, which must outlive it.
std::unique_ptr<Writer> MakeWriter(OutputFormat format, const WriteOptions& options,
                                   std::ostream& out);
std::unique_ptr<Writer> MakeSimpleWriter(const WriteOptions& options, std::ostream& out);
std::unique_ptr<Writer> MakeTableWriter(const WriteOptions& options, std::ostream& out);
std::unique_ptr<Writer> MakeJsonWriter(std::ostream& out);
std::unique_ptr<Writer> MakeYamlWriter(std::ostream& out);
std::unique_ptr<Writer> MakeFieldsWriter(std::ostream& out);

}  // namespace keelson::kvctl
