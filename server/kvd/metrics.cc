#include "server/kvd/metrics.h"

#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/log/logger.h"
#include "server/node/node.h"
#include "server/peer/asio_peer_network.h"

namespace keelson::server {
namespace {

class Page {
 public:
  template <typename Number>
  void Gauge(std::string_view name, Number value, std::string_view labels = "") {
    Line("gauge", name, value, labels);
  }
  template <typename Number>
  void Counter(std::string_view name, Number value, std::string_view labels = "") {
    Line("counter", name, value, labels);
  }
  std::string Take() { return std::move(text_); }

 private:
  template <typename Number>
  void Line(std::string_view type, std::string_view name, Number value, std::string_view labels) {
    if (name != last_) {
      absl::StrAppend(&text_, "# TYPE ", ToAbsl(name), " ", ToAbsl(type), "\n");
      last_ = std::string(name);
    }
    absl::StrAppend(&text_, ToAbsl(name));
    if (!labels.empty()) absl::StrAppend(&text_, "{", ToAbsl(labels), "}");
    absl::StrAppend(&text_, " ", value, "\n");
  }

  std::string text_;
  std::string last_;
};

// Resident bytes of this process; 0 where /proc does not tell.
uint64_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long long total = 0, resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

void NodeMetrics(const Node& node, Page* page) {
  const NodeStatus status = node.status();
  page->Gauge("etcd_server_has_leader", status.leader.IsNone() ? 0 : 1);
  page->Gauge("etcd_server_is_leader", status.is_leader ? 1 : 0);
  page->Gauge("etcd_server_is_learner", status.is_learner ? 1 : 0);
  page->Counter("etcd_server_leader_changes_seen_total", status.leader_changes);
  page->Gauge("etcd_server_proposals_committed_total", status.commit.value());
  page->Gauge("etcd_server_proposals_applied_total", status.applied.value());
  page->Gauge("etcd_server_proposals_pending", status.proposals_pending);
  page->Counter("etcd_server_proposals_failed_total", status.proposals_failed);
  page->Gauge("etcd_server_quota_backend_bytes", node.options().quota_bytes);
  page->Gauge("etcd_server_version", 1, absl::StrCat("server_version=\"", kApiVersion, "\""));
  page->Gauge("etcd_server_id", 1, absl::StrCat("server_id=\"", Hex(status.member.value()), "\""));
}

void StoreMetrics(Node& node, Page* page) {
  storage::MvccStore& store = node.store();
  page->Gauge("etcd_mvcc_db_total_size_in_bytes", store.db_size());
  page->Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", store.db_size());
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

}  // namespace

std::string MetricsText(Node& node, const FrontEndStats& front_end, const AsioPeerNetwork& peers) {
  Page page;
  NodeMetrics(node, &page);
  StoreMetrics(node, &page);
  page.Counter("etcd_network_client_grpc_sent_bytes_total", front_end.message_bytes_sent);
  page.Counter("etcd_network_client_grpc_received_bytes_total", front_end.message_bytes_received);
  for (const auto& [id, stats] : peers.Stats()) {
    page.Counter("etcd_network_peer_sent_bytes_total", stats.bytes_sent,
                 absl::StrCat("To=\"", Hex(id.value()), "\""));
  }
  for (const auto& [id, stats] : peers.Stats()) {
    page.Counter("etcd_network_peer_received_bytes_total", stats.bytes_received,
                 absl::StrCat("From=\"", Hex(id.value()), "\""));
  }
  page.Gauge("process_resident_memory_bytes", ResidentBytes());
  return page.Take();
}

}  // namespace keelson::server
