// Plain lines, as etcdctl writes them: for pipes. The table writer builds on it.
#pragma once

#include <ostream>
#include <string>

#include "client/kvctl/writer.h"

namespace keelson::kvctl {

class SimpleWriter : public Writer {
 public:
  SimpleWriter(const WriteOptions& options, std::ostream& out) : options_(options), out_(out) {}

  void Get(const client::GetResult& result, const GetStyle& style) override;
  void Put(const client::PutResult& result) override;
  void Delete(const client::DeleteResult& result) override;
  void Txn(const client::TxnResult& result) override;
  void Compact(int64_t revision, const client::CompactResult& result) override;
  void Watch(const client::WatchBatch& batch) override;
  void LeaseGrant(const client::LeaseGrantResult& result) override;
  void LeaseRevoke(int64_t id, const client::LeaseRevokeResult& result) override;
  void LeaseRenew(const client::LeaseRenewResult& result) override;
  void LeaseTtl(const client::LeaseTtlResult& result) override;
  void LeaseList(const client::LeaseListResult& result) override;
  void MemberList(const client::MemberListResult& result) override;
  void MemberAdded(const NewMember& added) override;
  void MemberChanged(MemberVerb verb, uint64_t id,
                     const client::MemberChangeResult& result) override;
  void EndpointStatuses(const std::vector<EndpointStatus>& statuses) override;
  void EndpointHealth(const std::vector<client::MemberHealth>& reports) override;
  void EndpointHashes(const std::vector<EndpointHash>& hashes) override;
  void Defrag(const std::vector<EndpointDefrag>& reports) override;
  void MoveLeader(uint64_t from, uint64_t to) override;
  void Alarms(const client::AlarmResult& result) override;
  void Show(const Answer& answer) override;

 protected:
  // Bytes as they are, or in hexadecimal if that was asked for.
  std::string Bytes(const std::string& bytes) const;
  // `text` in bold, on a terminal.
  std::string Strong(const std::string& text) const;
  std::ostream& out() { return out_; }
  const WriteOptions& options() const { return options_; }

 private:
  struct OpWriter;
  void Pair(const client::KeyValue& kv);

  const WriteOptions options_;
  std::ostream& out_;
};

}  // namespace keelson::kvctl
