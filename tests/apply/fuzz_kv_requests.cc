// Any bytes as a series of KV and lease requests: checked as handlers check them, applied to a real
// store on a disk in memory, read back. What each may have done is held against a plain model.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "server/api/range_reader.h"
#include "server/apply/errors.h"
#include "server/apply/txn.h"
#include "server/apply/validate.h"
#include "server/lease/lease_rules.h"
#include "storage/mvcc/apply_batch.h"
#include "tests/apply/fuzz_oracle.h"
#include "tests/apply/fuzz_requests.h"
#include "tests/apply/requests.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

constexpr int kMostRequests = 60;
constexpr int kMostReopenings = 1;
// Making a store takes far longer than a run, so runs share one for a while. Each starts from no
// keys, leases and alarms, with the past compacted: only revisions differ from a new one's, and
// requests choose theirs around the present.
constexpr int kRunsPerStore = 200;
constexpr int64_t kMaxTxnOps = 16;

// The errors that a client may see of a request.
bool IsOfTheWire(const absl::Status& status, const ClusterFacts& facts) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return facts.HasAlarm(AlarmKind::kNoSpace);
    case absl::StatusCode::kDataLoss:
      return facts.HasAlarm(AlarmKind::kCorrupt);
    default:
      return false;
  }
}

class Run {
 public:
  explicit Run(StateMachine& machine) : machine_(machine), oracle_(Clear(machine)) {}

  int64_t revision() const { return oracle_.revision(); }

  void Do(FuzzRequest request) {
    std::visit([this](auto& one) { Take(one); }, request);
    oracle_.CheckStore(machine_.store());
  }

 private:
  void Take(Reopening) {
    if (++reopenings_ > kMostReopenings) return;
    const int64_t size = machine_.store().db_size();
    machine_.Reopen();
    KEELSON_CHECK(machine_.store().db_size() == size, "what was flushed is there again");
  }

  void Take(const AlarmSwitch& change) { Switch(machine_, change); }

  void Take(etcdserverpb::LeaseGrantRequest request) {
    if (!CheckLeaseTtl(request.ttl()).ok()) return;
    request.set_ttl(ClampLeaseTtl(request.ttl(), std::chrono::seconds(1)));
    if (request.id() == 0) request.set_id(1);
    ApplyAndCheck(request);
  }

  void Take(const etcdserverpb::LeaseRevokeRequest& request) { ApplyAndCheck(request); }
  void Take(const etcdserverpb::CompactionRequest& request) { ApplyAndCheck(request); }

  void Take(const etcdserverpb::TxnRequest& request) {
    if (!Validate(request, kMaxTxnOps).ok()) return;
    if (IsReadOnly(request)) {
      etcdserverpb::TxnResponse response;
      CheckRead(ReadInBatch(request, &response));
    } else {
      ApplyAndCheck(request);
    }
  }

  // Puts and deletes.
  template <typename Request>
  void Take(const Request& request) {
    if (Validate(request).ok()) ApplyAndCheck(request);
  }

  // The two ways of a range: in slices from a view, and inside a transaction.
  void Take(const RangeRequest& request) {
    if (!Validate(request).ok()) return;
    RangeResponse sliced;
    const absl::Status status = ReadInSlices(request, &sliced);
    CheckRead(status);
    if (status.ok()) oracle_.CheckRange(request, sliced);
    if (request.revision() < 0) return;  // the latest, but an error inside a transaction
    etcdserverpb::TxnResponse in_batch;
    const absl::Status same = ReadInBatch(Txn(request), &in_batch);
    KEELSON_CHECK(same == status, "both ways of a range end alike");
    if (!status.ok()) return;
    KEELSON_CHECK(
        in_batch.responses(0).response_range().SerializeAsString() == sliced.SerializeAsString(),
        "both ways of a range answer alike");
  }

  // In slices and parts so small that most of a range is read twice.
  absl::Status ReadInSlices(const RangeRequest& request, RangeResponse* response) {
    constexpr storage::SliceBudget kSlice{.max_keys = 2, .max_bytes = 100, .max_micros = 0};
    RangeReader reader(machine_.store().View(), request, /*keep_bytes=*/100);
    for (bool measured = false; !measured;) {
      const auto step = reader.Measure(kSlice);
      if (!step.ok()) return step.status();
      measured = *step;
    }
    response->mutable_header()->set_revision(machine_.store().revision());
    std::string bytes = response->SerializeAsString();
    const size_t whole = bytes.size() + reader.size();
    for (;;) {
      const auto part = reader.NextPart(kSlice);
      if (!part.ok()) return part.status();
      if (*part == nullptr) break;
      bytes += **part;
    }
    KEELSON_CHECK(bytes.size() == whole, "the size was told before");
    KEELSON_CHECK(response->ParseFromString(bytes), "an answer is a message");
    return absl::OkStatus();
  }

  absl::Status ReadInBatch(const etcdserverpb::TxnRequest& request,
                           etcdserverpb::TxnResponse* response) {
    auto batch = machine_.store().NewBatch();
    batch->BeginRequest();
    const absl::Status status = Operations(*batch).Txn(request, response);
    KEELSON_CHECK(batch->EndRequest() == machine_.store().revision(), "a read changes nothing");
    return status;
  }

  void CheckRead(const absl::Status& status) {
    KEELSON_CHECK(
        status.ok() || status == errors::Compacted() || status == errors::FutureRevision(),
        "a read fails by its revision only");
  }

  template <typename Request>
  void ApplyAndCheck(const Request& request) {
    storage::MvccStore& store = machine_.store();
    const int64_t size = store.db_size();
    const int64_t compacted = store.compact_revision();
    const auto applied = machine_.Apply(request);
    if (applied.status.ok()) {
      oracle_.Fold(applied.changes);
      KEELSON_CHECK(applied.response.header().revision() == oracle_.revision(),
                    "the answer tells the revision after it");
      return;
    }
    KEELSON_CHECK(IsOfTheWire(applied.status, machine_.facts()),
                  "a request ends with an error of the wire");
    KEELSON_CHECK(
        applied.changes.empty() && store.db_size() == size && store.compact_revision() == compacted,
        "a refused request leaves no trace");
  }

  // Returns the revision of the empty store.
  static int64_t Clear(StateMachine& machine) {
    for (const AlarmKind kind : {AlarmKind::kNoSpace, AlarmKind::kCorrupt}) {
      Switch(machine, {.active = false, .alarm = static_cast<etcdserverpb::AlarmType>(kind)});
    }
    std::vector<int64_t> leases;
    const auto status = machine.store().ForEachLease(
        [&leases](int64_t id, std::string_view) { leases.push_back(id); });
    KEELSON_CHECK(status.ok(), "leases are read");
    for (const int64_t id : leases) machine.Apply(Revoke(id));
    machine.Apply(Delete(std::string(1, '\0'), std::string(1, '\0')));
    machine.Apply(Compaction(machine.store().revision()));
    KEELSON_CHECK(machine.store().compact_revision() == machine.store().revision(),
                  "nothing is left");
    return machine.store().revision();
  }

  static void Switch(StateMachine& machine, const AlarmSwitch& change) {
    v1::LogEntry entry;
    entry.mutable_alarm()->set_active(change.active);
    entry.mutable_alarm()->set_member(1);
    entry.mutable_alarm()->set_alarm(change.alarm);
    KEELSON_CHECK(machine.ApplyEntry(entry).status.ok(), "an alarm is always taken");
  }

  StateMachine& machine_;
  FuzzOracle oracle_;
  int reopenings_ = 0;
};

}  // namespace
}  // namespace keelson::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keelson::server;
  // Never destroyed: RocksDB's own statics go first.
  static auto& machine = *new std::unique_ptr<StateMachine>();
  static int runs = 0;
  if (runs++ % kRunsPerStore == 0) machine = std::make_unique<StateMachine>();
  Run run(*machine);
  FuzzInput input(std::string_view(reinterpret_cast<const char*>(data), size));
  for (int i = 0; i < kMostRequests && !input.done(); ++i) run.Do(input.Next(run.revision()));
  return 0;
}
