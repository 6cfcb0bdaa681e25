#include "server/kvd/metrics.h"

#include <array>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/view.h"
#include "server/api/call_times.h"
#include "server/api/http_endpoints.h"
#include "server/api/methods.h"
#include "server/kvd/observed.h"
#include "server/kvd/process_stats.h"
#include "server/log/logger.h"
#include "server/node/node.h"
#include "server/peer/asio_peer_network.h"

namespace keelson::server {
namespace {

// By the number of the status, as etcd names them.
constexpr std::array<std::string_view, 17> kCodes = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

struct TimedMethod {
  std::string_view path;
  std::string_view figure;
};
constexpr std::array<TimedMethod, 5> kTimedMethods = {{
    {"/etcdserverpb.KV/Range", "etcd_server_range_duration_seconds"},
    {"/etcdserverpb.Maintenance/Hash", "etcd_mvcc_hash_duration_seconds"},
    {"/etcdserverpb.Maintenance/HashKV", "etcd_mvcc_hash_rev_duration_seconds"},
    {"/etcdserverpb.Maintenance/Defragment", "etcd_disk_backend_defrag_duration_seconds"},
    {"/etcdserverpb.Maintenance/Snapshot", "etcd_disk_backend_snapshot_duration_seconds"},
}};

class Page {
 public:
  template <typename Number>
  void Gauge(std::string_view name, Number value, std::string_view labels = "") {
    Head("gauge", name);
    Line(name, value, labels);
  }
  template <typename Number>
  void Counter(std::string_view name, Number value, std::string_view labels = "") {
    Head("counter", name);
    Line(name, value, labels);
  }
  template <int64_t kFirst>
  void Histogram(std::string_view name, const DurationBuckets<kFirst>& times,
                 std::string_view labels = "") {
    Head("histogram", name);
    const std::string bucket = absl::StrCat(ToAbsl(name), "_bucket");
    const std::string others = labels.empty() ? "" : absl::StrCat(ToAbsl(labels), ",");
    uint64_t up_to = 0;
    for (size_t i = 0; i < times.kBounds; ++i) {
      up_to += times.buckets()[i];
      Line(bucket, up_to, absl::StrCat(others, "le=\"", times.BoundSeconds(i), "\""));
    }
    Line(bucket, times.count(), absl::StrCat(others, "le=\"+Inf\""));
    Line(absl::StrCat(ToAbsl(name), "_sum"), std::chrono::duration<double>(times.sum()).count(),
         labels);
    Line(absl::StrCat(ToAbsl(name), "_count"), times.count(), labels);
  }
  std::string Take() { return std::move(text_); }

 private:
  void Head(std::string_view type, std::string_view name) {
    if (name == last_) return;
    absl::StrAppend(&text_, "# TYPE ", ToAbsl(name), " ", ToAbsl(type), "\n");
    last_ = std::string(name);
  }
  template <typename Number>
  void Line(std::string_view name, Number value, std::string_view labels) {
    absl::StrAppend(&text_, ToAbsl(name));
    if (!labels.empty()) absl::StrAppend(&text_, "{", ToAbsl(labels), "}");
    if constexpr (std::is_floating_point_v<Number>) {
      absl::StrAppendFormat(&text_, " %.15g\n", value);
    } else {
      absl::StrAppend(&text_, " ", value, "\n");
    }
  }

  std::string text_;
  std::string last_;
};

std::string Label(std::string_view name, std::string_view value) {
  return absl::StrCat(ToAbsl(name), "=\"", ToAbsl(value), "\"");
}

void ServerMetrics(const Node& node, Page* page) {
  const NodeStatus status = node.status();
  const NodeCounters counters = node.counters();
  page->Gauge("etcd_server_has_leader", status.leader.IsNone() ? 0 : 1);
  page->Gauge("etcd_server_is_leader", status.is_leader ? 1 : 0);
  page->Gauge("etcd_server_is_learner", status.is_learner ? 1 : 0);
  page->Counter("etcd_server_leader_changes_seen_total", status.leader_changes);
  page->Gauge("etcd_server_proposals_committed_total", status.commit.value());
  page->Gauge("etcd_server_proposals_applied_total", status.applied.value());
  page->Histogram("etcd_server_apply_duration_seconds", node.times().apply);
  page->Gauge("etcd_server_proposals_pending", status.proposals_pending);
  page->Counter("etcd_server_proposals_failed_total", status.proposals_failed);
  page->Counter("etcd_server_slow_apply_total", counters.slow_applies);
  page->Counter("etcd_server_slow_read_indexes_total", counters.slow_reads);
  page->Counter("etcd_server_read_indexes_failed_total", counters.failed_reads);
  page->Counter("etcd_debugging_server_lease_expired_total", counters.leases_expired);
  page->Gauge("etcd_server_quota_backend_bytes", node.options().quota_bytes);
  page->Gauge("etcd_server_version", 1, Label("server_version", node.options().api_version));
  if (node.facts().version() > 0) {
    const std::string_view version = ClusterApiVersion(node.facts().version());
    page->Gauge("etcd_cluster_version", 1,
                Label("cluster_version", version.substr(0, version.rfind('.'))));
  }
  page->Gauge("keelson_cluster_entry_version", node.facts().version());
  page->Gauge("etcd_server_id", 1, Label("server_id", Hex(status.member.value())));
}

uint64_t HandledWell(const Methods& methods, std::string_view path) {
  const Method* method = methods.Find(path);
  return method == nullptr ? 0 : method->counts->handled[0];
}

void ClientMetrics(const MetricsSources& sources, Page* page) {
  page->Counter("etcd_server_health_success", sources.health.successes);
  page->Counter("etcd_server_health_failures", sources.health.failures);
  const std::string_view name = "etcd_server_client_requests_total";
  for (const Observed::Client& client : sources.observed.clients()) {
    const std::string version = Label("client_api_version", client.version);
    page->Counter(name, client.streams, absl::StrCat(version, ",type=\"stream\""));
    page->Counter(name, client.unary, absl::StrCat(version, ",type=\"unary\""));
  }
  page->Counter("etcd_mvcc_put_total", sources.observed.puts());
  page->Counter("etcd_mvcc_delete_total", sources.observed.deletes());
  page->Counter("etcd_mvcc_range_total", HandledWell(sources.methods, "/etcdserverpb.KV/Range"));
  page->Counter("etcd_mvcc_txn_total", HandledWell(sources.methods, "/etcdserverpb.KV/Txn"));
  page->Counter("etcd_server_learner_promote_successes",
                HandledWell(sources.methods, "/etcdserverpb.Cluster/MemberPromote"));
  page->Counter("etcd_debugging_lease_granted_total",
                HandledWell(sources.methods, "/etcdserverpb.Lease/LeaseGrant"));
  page->Counter("etcd_debugging_lease_revoked_total",
                HandledWell(sources.methods, "/etcdserverpb.Lease/LeaseRevoke"));
  const Method* renewals = sources.methods.Find("/etcdserverpb.Lease/LeaseKeepAlive");
  page->Counter("etcd_debugging_lease_renewed_total", renewals->counts->messages_sent);
  page->Counter("etcd_mvcc_total_put_size_in_bytes", sources.observed.put_bytes());
  page->Counter("etcd_debugging_mvcc_total_put_size_in_bytes", sources.observed.put_bytes());
}

void DiskMetrics(const Node& node, Page* page) {
  page->Histogram("etcd_disk_wal_fsync_duration_seconds", node.times().log_sync);
  page->Histogram("etcd_disk_backend_commit_duration_seconds", node.times().store_commit);
  page->Counter("etcd_disk_wal_write_bytes_total", node.counters().log_bytes);
  page->Gauge("etcd_disk_defrag_inflight", 0);
}

void StoreMetrics(Node& node, Page* page) {
  storage::MvccStore& store = node.store();
  page->Gauge("etcd_mvcc_db_total_size_in_bytes", store.db_size());
  page->Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", store.db_size());
  page->Gauge("etcd_mvcc_db_open_read_transactions", store.open_views());
  page->Gauge("etcd_debugging_mvcc_keys_total", store.key_count());
  page->Gauge("etcd_debugging_mvcc_current_revision", store.revision());
  page->Gauge("etcd_debugging_mvcc_compact_revision", store.compact_revision());
  const WatchCounters watches = node.watches().counters();
  page->Gauge("etcd_debugging_mvcc_watcher_total", watches.watchers);
  page->Gauge("etcd_debugging_mvcc_watch_stream_total", watches.streams);
  page->Gauge("etcd_debugging_mvcc_slow_watcher_total", watches.slow_watchers);
  page->Counter("etcd_debugging_mvcc_events_total", watches.events_total);
  page->Gauge("etcd_debugging_mvcc_pending_events_total", watches.pending_events);
}

void NetworkMetrics(const MetricsSources& sources, Page* page) {
  page->Counter("etcd_network_client_grpc_sent_bytes_total", sources.front_end.message_bytes_sent);
  page->Counter("etcd_network_client_grpc_received_bytes_total",
                sources.front_end.message_bytes_received);
  page->Counter("etcd_network_snapshot_send_success", sources.node.counters().snapshots_sent);
  const auto peers = sources.peers.Stats();
  uint64_t heartbeats_lost = 0;
  for (const auto& [id, stats] : peers) heartbeats_lost += stats.urgent_dropped;
  page->Counter("etcd_server_heartbeat_send_failures_total", heartbeats_lost);
  const std::string self = Hex(sources.node.status().member.value());
  for (const auto& [id, stats] : peers) {
    page->Gauge("etcd_network_active_peers", stats.connected ? 1 : 0,
                absl::StrCat(Label("Local", self), ",", Label("Remote", Hex(id.value()))));
  }
  for (const auto& [id, stats] : peers) {
    page->Gauge("etcd_network_known_peers", 1,
                absl::StrCat(Label("Local", self), ",", Label("Remote", Hex(id.value()))));
  }
  for (const auto& [id, stats] : peers) {
    page->Counter("etcd_network_peer_sent_bytes_total", stats.bytes_sent,
                  Label("To", Hex(id.value())));
  }
  for (const auto& [id, stats] : peers) {
    page->Counter("etcd_network_peer_received_bytes_total", stats.bytes_received,
                  Label("From", Hex(id.value())));
  }
  for (const auto& [id, stats] : peers) {
    page->Counter("etcd_network_peer_sent_failures_total", stats.frames_dropped,
                  Label("To", Hex(id.value())));
  }
  for (const auto& [id, stats] : peers) {
    page->Histogram("etcd_network_peer_round_trip_time_seconds", stats.round_trips,
                    Label("To", Hex(id.value())));
  }
}

std::string_view TypeOf(Method::Kind kind) {
  switch (kind) {
    case Method::Kind::kUnary:
      return "unary";
    case Method::Kind::kServerStream:
      return "server_stream";
    case Method::Kind::kClientStream:
      return "client_stream";
    case Method::Kind::kBidi:
      return "bidi_stream";
  }
  return "";
}

// "/etcdserverpb.KV/Put" as labels.
std::string MethodLabels(const Method& method) {
  const size_t slash = method.path.rfind('/');
  return absl::StrCat(Label("grpc_method", method.path.substr(slash + 1)), ",",
                      Label("grpc_service", method.path.substr(1, slash - 1)), ",",
                      Label("grpc_type", TypeOf(method.kind)));
}

void CallMetrics(const Methods& methods, const CallTimes& times, Page* page) {
  for (const TimedMethod& timed : kTimedMethods) {
    const Method* method = methods.Find(timed.path);
    const DurationHistogram* took = method == nullptr ? nullptr : times.Find(*method);
    page->Histogram(timed.figure, took == nullptr ? DurationHistogram() : *took);
  }
  const std::vector<const Method*> all = methods.All();
  for (const Method* method : all) {
    if (!times.wants_all()) break;
    const DurationHistogram* took = times.Find(*method);
    if (took != nullptr) {
      page->Histogram("grpc_server_handling_seconds", *took, MethodLabels(*method));
    }
  }
  for (const Method* method : all) {
    page->Counter("grpc_server_started_total", method->counts->started, MethodLabels(*method));
  }
  for (const Method* method : all) {
    for (size_t code = 0; code < kCodes.size(); ++code) {
      page->Counter("grpc_server_handled_total", method->counts->handled[code],
                    absl::StrCat(Label("grpc_code", kCodes[code]), ",", MethodLabels(*method)));
    }
  }
  for (const Method* method : all) {
    page->Counter("grpc_server_msg_received_total", method->counts->messages_received,
                  MethodLabels(*method));
  }
  for (const Method* method : all) {
    page->Counter("grpc_server_msg_sent_total", method->counts->messages_sent,
                  MethodLabels(*method));
  }
}

void ProcessMetrics(Page* page) {
  const ProcessStats stats = ReadProcessStats();
  page->Counter("process_cpu_seconds_total", stats.cpu_seconds);
  page->Gauge("process_resident_memory_bytes", stats.resident_bytes);
  page->Gauge("process_virtual_memory_bytes", stats.virtual_bytes);
  page->Gauge("process_open_fds", stats.open_fds);
  page->Gauge("process_max_fds", stats.max_fds);
  page->Gauge("os_fd_used", stats.open_fds);
  page->Gauge("os_fd_limit", stats.max_fds);
  page->Gauge("process_start_time_seconds", stats.start_seconds);
}

}  // namespace

void WantFiguresOfMetrics(const Methods& methods, CallTimes* times) {
  for (const TimedMethod& timed : kTimedMethods) {
    if (const Method* method = methods.Find(timed.path)) times->Want(*method);
  }
}

std::string MetricsText(const MetricsSources& sources) {
  Page page;
  ServerMetrics(sources.node, &page);
  ClientMetrics(sources, &page);
  DiskMetrics(sources.node, &page);
  StoreMetrics(sources.node, &page);
  NetworkMetrics(sources, &page);
  CallMetrics(sources.methods, sources.call_times, &page);
  ProcessMetrics(&page);
  return page.Take();
}

}  // namespace keelson::server
