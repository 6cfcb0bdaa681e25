// Each figure of /metrics moves with what it counts.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/keelson/client.h"
#include "tests/harness/http_client.h"
#include "tests/harness/http_get.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

using client::Client;
using client::KeyRange;

// A scraped page: each figure by its name with labels.
class Figures {
 public:
  explicit Figures(ServerProcess& member) {
    const auto page = HttpGet(member.config().client_port, "/metrics", absl::Seconds(5));
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return;
    for (const absl::string_view line : absl::StrSplit(page->body, '\n', absl::SkipEmpty())) {
      if (line[0] == '#') continue;
      const size_t space = line.rfind(' ');
      double value = 0;
      EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &value)) << line;
      EXPECT_TRUE(values_.emplace(std::string(line.substr(0, space)), value).second) << line;
    }
  }
  bool Has(const std::string& name) const { return values_.contains(name); }
  double operator[](const std::string& name) const {
    const auto found = values_.find(name);
    EXPECT_NE(found, values_.end()) << name;
    return found == values_.end() ? -1 : found->second;
  }
  // Over all labels.
  double Sum(const std::string& name) const {
    double sum = 0;
    for (const auto& [full, value] : values_) {
      if (full == name || full.compare(0, name.size() + 1, name + "{") == 0) sum += value;
    }
    return sum;
  }

 private:
  std::map<std::string, double> values_;
};

std::string Calls(const std::string& name, const std::string& service, const std::string& method,
                  const std::string& type, const std::string& code = "") {
  return absl::StrCat("grpc_server_", name, "_total{",
                      code.empty() ? "" : absl::StrCat("grpc_code=\"", code, "\","),
                      "grpc_method=\"", method, "\",grpc_service=\"", service, "\",grpc_type=\"",
                      type, "\"}");
}

const std::string kPuts = Calls("handled", "etcdserverpb.KV", "Put", "unary", "OK");

class MetricsTest : public ::testing::Test {
 protected:
  void Start(int members, std::vector<std::string> flags = {}) {
    client_.reset();
    auto cluster = TestCluster::Start({.members = members, .extra_flags = std::move(flags)});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    client_ = ClientOf(0);
  }
  std::unique_ptr<Client> ClientOf(int member) {
    client::ClientOptions options;
    options.endpoints = {cluster_->member(member).endpoint()};
    options.exactly_once = false;  // calls are counted: no write is sent twice
    auto made = Client::Create(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  Figures Now(int member = 0) { return Figures(cluster_->member(member)); }
  int Leader() {
    for (int i = 0; i < cluster_->size(); ++i) {
      if (cluster_->member(i).IsRunning() && Now(i)["etcd_server_is_leader"] == 1) return i;
    }
    return -1;
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
};

TEST_F(MetricsTest, WritesMoveProposalsStoreDiskAndCalls) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const Figures before = Now();
  EXPECT_EQ(before["etcd_server_has_leader"], 1);
  EXPECT_EQ(before["etcd_server_is_leader"], 1);
  EXPECT_EQ(before["etcd_server_is_learner"], 0);
  EXPECT_EQ(before[kPuts], 0);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(client_->kv().Put(absl::StrCat("k", i), std::string(100, 'v')).ok());
  }
  EXPECT_FALSE(client_->kv().Put("k", "v", {.lease = 99}).ok());
  const Figures after = Now();
  const auto moved = [&](const std::string& name) { return after[name] - before[name]; };
  EXPECT_GE(moved("etcd_server_proposals_committed_total"), 51);
  EXPECT_GE(moved("etcd_server_proposals_applied_total"), 51);
  // A young cluster has proposals of its own, to raise its version.
  EXPECT_TRUE(
      WaitUntil(absl::Seconds(5), [this] { return Now()["etcd_server_proposals_pending"] == 0; }));
  EXPECT_EQ(moved("etcd_debugging_mvcc_keys_total"), 50);
  EXPECT_EQ(moved("etcd_debugging_mvcc_current_revision"), 50);
  EXPECT_GT(moved("etcd_mvcc_db_total_size_in_bytes"), 5000);
  EXPECT_GT(moved("etcd_mvcc_db_total_size_in_use_in_bytes"), 5000);
  EXPECT_GE(moved("etcd_disk_wal_fsync_duration_seconds_count"), 51);
  EXPECT_GT(moved("etcd_disk_wal_fsync_duration_seconds_sum"), 0);
  EXPECT_EQ(after["etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}"],
            after["etcd_disk_wal_fsync_duration_seconds_count"]);
  EXPECT_GE(moved("etcd_disk_backend_commit_duration_seconds_count"), 51);
  EXPECT_GE(moved("etcd_server_apply_duration_seconds_count"), 51);
  EXPECT_GT(moved("etcd_server_apply_duration_seconds_sum"), 0);
  EXPECT_GT(moved("etcd_disk_wal_write_bytes_total"), 5000);
  EXPECT_EQ(moved(kPuts), 50);
  EXPECT_EQ(moved(Calls("started", "etcdserverpb.KV", "Put", "unary")), 51);
  EXPECT_EQ(moved(Calls("handled", "etcdserverpb.KV", "Put", "unary", "NotFound")), 1);
  EXPECT_EQ(moved(Calls("msg_received", "etcdserverpb.KV", "Put", "unary")), 51);
  EXPECT_EQ(moved(Calls("msg_sent", "etcdserverpb.KV", "Put", "unary")), 50);
  EXPECT_GT(moved("etcd_network_client_grpc_received_bytes_total"), 5000);
  EXPECT_GT(moved("etcd_network_client_grpc_sent_bytes_total"), 500);
}

TEST_F(MetricsTest, WatchersStreamsAndEventsAreCountedAndStreamsEnd) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const double events = Now()["etcd_debugging_mvcc_events_total"];
  auto watcher = client_->Watch(KeyRange::Prefix("k"), 0);
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(5)).ok());
  EXPECT_EQ(Now()["etcd_debugging_mvcc_watcher_total"], 1);
  EXPECT_EQ(Now()["etcd_debugging_mvcc_watch_stream_total"], 1);
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  ASSERT_TRUE(watcher->Next(absl::Seconds(5)).ok());
  EXPECT_EQ(Now()["etcd_debugging_mvcc_events_total"], events + 1);
  EXPECT_EQ(Now()["etcd_debugging_mvcc_pending_events_total"], 0);
  EXPECT_EQ(Now()[Calls("started", "etcdserverpb.Watch", "Watch", "bidi_stream")], 1);
  watcher.reset();
  EXPECT_TRUE(WaitUntil(absl::Seconds(5), [this] {
    return Now()["etcd_debugging_mvcc_watch_stream_total"] == 0 &&
           Now().Sum("grpc_server_handled_total") == Now().Sum("grpc_server_started_total");
  }));
}

TEST_F(MetricsTest, TheClusterVersionIsThereOnceTheLeaderHasSaidIt) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  EXPECT_TRUE(WaitUntil(absl::Seconds(5), [this] {
    return Now().Has("etcd_cluster_version{cluster_version=\"3.6\"}");
  }));
  const auto version =
      HttpGet(cluster_->member(0).config().client_port, "/version", absl::Seconds(5));
  ASSERT_TRUE(version.ok());
  EXPECT_NE(version->body.find("\"etcdcluster\":\"3.6.0\""), std::string::npos) << version->body;
}

TEST_F(MetricsTest, CompactionMovesItsRevision) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_TRUE(client_->kv().Put("k", "1").ok());
  const auto put = client_->kv().Put("k", "2");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(client_->kv().Compact(put->header.revision).ok());
  EXPECT_EQ(Now()["etcd_debugging_mvcc_compact_revision"],
            static_cast<double>(put->header.revision));
}

TEST_F(MetricsTest, PeersLeadersAndWhatFailsWithoutThem) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  const int leader = Leader();
  ASSERT_GE(leader, 0);
  const int other = (leader + 1) % 3;
  client_ = ClientOf(other);
  const Figures before = Now(other);
  ASSERT_TRUE(client_->kv().Put("k", std::string(10000, 'v')).ok());
  ASSERT_TRUE(client_->kv().Get(KeyRange::Key("k")).ok());
  EXPECT_GT(Now(other).Sum("etcd_network_peer_sent_bytes_total"),
            before.Sum("etcd_network_peer_sent_bytes_total") + 10000);
  EXPECT_GT(Now(other).Sum("etcd_network_peer_received_bytes_total"),
            before.Sum("etcd_network_peer_received_bytes_total") + 10000);
  EXPECT_EQ(Now(other).Sum("etcd_network_active_peers"), 2);
  EXPECT_EQ(Now(other)["etcd_network_snapshot_send_success"], 0);

  cluster_->member(leader).Kill();
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [&] {
    const Figures now = Now(other);
    return now["etcd_server_leader_changes_seen_total"] >
               before["etcd_server_leader_changes_seen_total"] &&
           now["etcd_server_has_leader"] == 1 && now.Sum("etcd_network_active_peers") == 1;
  }));
  cluster_->member((leader + 2) % 3).Kill();
  EXPECT_TRUE(
      WaitUntil(absl::Seconds(10), [&] { return Now(other)["etcd_server_has_leader"] == 0; }));
  EXPECT_FALSE(client_->kv().Put("k", "v").ok());
  const Figures after = Now(other);
  EXPECT_GE(after["etcd_server_proposals_failed_total"], 1);
  EXPECT_GT(after.Sum("etcd_network_peer_sent_failures_total"), 0);
  EXPECT_GT(after["etcd_server_heartbeat_send_failures_total"], 0);
}

TEST_F(MetricsTest, RoundTripsToPeersAreSampled) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  EXPECT_EQ(Now().Sum("etcd_network_known_peers"), 2);
  const double before = Now().Sum("etcd_network_peer_round_trip_time_seconds_count");
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [&] {
    const Figures now = Now();
    return now.Sum("etcd_network_peer_round_trip_time_seconds_count") >= before + 2 &&
           now.Sum("etcd_network_peer_round_trip_time_seconds_sum") > 0;
  }));
}

TEST_F(MetricsTest, WhatIsAppliedAskedAndAnsweredIsCountedOnEveryMember) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  const Figures before = Now(1);
  for (const char* key : {"a", "b"}) ASSERT_TRUE(client_->kv().Put(key, "value").ok());
  ASSERT_TRUE(client_->kv().Delete(KeyRange::Key("a")).ok());
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [&] {
    return Now(1)["etcd_mvcc_delete_total"] == before["etcd_mvcc_delete_total"] + 1;
  })) << "also where others were asked";
  const Figures after = Now(1);
  EXPECT_EQ(after["etcd_mvcc_put_total"], before["etcd_mvcc_put_total"] + 2);
  EXPECT_EQ(after["etcd_mvcc_total_put_size_in_bytes"],
            before["etcd_mvcc_total_put_size_in_bytes"] + 12);

  const Figures asked = Now();
  ASSERT_TRUE(client_->kv().Get(KeyRange::Key("b")).ok());
  auto watcher = client_->Watch(KeyRange::Key("b"), 0);
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(5)).ok());
  EXPECT_EQ(Now()["etcd_mvcc_range_total"], asked["etcd_mvcc_range_total"] + 1);
  EXPECT_GE(Now().Sum("etcd_server_client_requests_total"),
            asked.Sum("etcd_server_client_requests_total") + 2);
}

TEST_F(MetricsTest, HowLongCallsTakeIsCountedWhereItIsWanted) {
  const std::string puts =
      "grpc_server_handling_seconds_count{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\","
      "grpc_type=\"unary\"}";
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_TRUE(client_->kv().Put("a", "b").ok());
  EXPECT_FALSE(Now().Has(puts));
  ASSERT_NO_FATAL_FAILURE(Start(1, {"--metrics=extensive"}));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client_->kv().Put("a", "b").ok());
  EXPECT_EQ(Now()[puts], 5);
  EXPECT_GT(Now().Sum("grpc_server_handling_seconds_sum"), 0);
}

TEST_F(MetricsTest, ReadsHashesSnapshotsAndDefragmentationsAreTimedAlways) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  const std::string endpoint = cluster_->member(0).endpoint();
  auto http = HttpClient::Connect(cluster_->member(0).config().client_port, absl::Seconds(10));
  ASSERT_TRUE(http.ok()) << http.status();
  const std::vector<std::pair<std::string, std::function<bool()>>> calls = {
      {"etcd_server_range", [&] { return client_->kv().Get(KeyRange::Key("k")).ok(); }},
      {"etcd_mvcc_hash",
       [&] {
         const auto answer = (*http)->Post("/v3/maintenance/hash", "{}");
         return answer.ok() && answer->status == 200;
       }},
      {"etcd_mvcc_hash_rev", [&] { return client_->maintenance().HashKv(endpoint).ok(); }},
      {"etcd_disk_backend_defrag",
       [&] { return client_->maintenance().Defragment(endpoint).ok(); }},
      {"etcd_disk_backend_snapshot", [&] {
         return client_->maintenance()
             .Snapshot(endpoint, [](std::string_view, uint64_t) { return absl::OkStatus(); })
             .ok();
       }}};
  for (const auto& [what, call] : calls) {
    const std::string count = what + "_duration_seconds_count";
    EXPECT_EQ(Now()[count], 0) << what;
    ASSERT_TRUE(call()) << what;
    EXPECT_EQ(Now()[count], 1) << what;
    EXPECT_GT(Now()[what + "_duration_seconds_sum"], 0) << what;
  }
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [this] {
    return Now()["etcd_mvcc_db_open_read_transactions"] <= 1;
  })) << "nobody reads any more; the store may keep its newest state at hand";
}

TEST_F(MetricsTest, LeasesThatRunOutAreCounted) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  EXPECT_EQ(Now()["etcd_debugging_server_lease_expired_total"], 0);
  ASSERT_TRUE(client_->leases().Grant(1).ok());
  EXPECT_TRUE(WaitUntil(absl::Seconds(20), [this] {
    return Now()["etcd_debugging_server_lease_expired_total"] == 1;
  }));
}

TEST_F(MetricsTest, LeasesAreCountedWhereTheyWereAskedFor) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const Figures before = Now();
  const auto lease = client_->leases().Grant(60);
  ASSERT_TRUE(lease.ok()) << lease.status();
  auto kept = client_->leases().KeepAlive(lease->id);
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [&] {
    return Now()["etcd_debugging_lease_renewed_total"] >
           before["etcd_debugging_lease_renewed_total"];
  }));
  kept.reset();
  ASSERT_TRUE(client_->leases().Revoke(lease->id).ok());
  const Figures after = Now();
  for (const char* what : {"granted", "revoked"}) {
    const std::string name = absl::StrCat("etcd_debugging_lease_", what, "_total");
    EXPECT_EQ(after[name], before[name] + 1) << name;
  }
}

TEST_F(MetricsTest, AnswersToHealthAreCounted) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  const int leader = Leader();
  ASSERT_GE(leader, 0);
  const int left = (leader + 1) % 3;
  const int port = cluster_->member(left).config().client_port;
  const double healthy = Now(left)["etcd_server_health_success"];
  ASSERT_TRUE(HttpGet(port, "/health", absl::Seconds(20)).ok());
  EXPECT_EQ(Now(left)["etcd_server_health_success"], healthy + 1);
  cluster_->member(leader).Kill();
  cluster_->member((leader + 2) % 3).Kill();
  EXPECT_TRUE(WaitUntil(absl::Seconds(10), [&] {
    const auto health = HttpGet(port, "/health", absl::Seconds(20));
    return health.ok() && health->status == 503;
  }));
  EXPECT_GE(Now(left)["etcd_server_health_failures"], 1);
}

TEST_F(MetricsTest, TheProcessIsDescribedAsTheKernelSeesIt) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const Figures before = Now();
  const double now = static_cast<double>(absl::ToUnixSeconds(absl::Now()));
  EXPECT_NEAR(before["process_start_time_seconds"], now, 60);
  EXPECT_GT(before["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(before["process_virtual_memory_bytes"], before["process_resident_memory_bytes"]);
  EXPECT_GT(before["process_max_fds"], before["process_open_fds"]);
  EXPECT_EQ(before["os_fd_limit"], before["process_max_fds"]);
  EXPECT_GT(before["os_fd_used"], 0);
  const auto more = ClientOf(0);
  ASSERT_TRUE(more->kv().Put("k", "v").ok());
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  EXPECT_GT(Now()["process_open_fds"], before["process_open_fds"]);
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  EXPECT_GT(Now()["process_cpu_seconds_total"], before["process_cpu_seconds_total"]);
}

TEST_F(MetricsTest, EveryKnownCallStandsThereFromTheBeginning) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  const Figures now = Now();
  for (const char* code : {"OK", "Canceled", "Unknown", "FailedPrecondition", "ResourceExhausted",
                           "Internal", "Unavailable", "DataLoss", "DeadlineExceeded"}) {
    EXPECT_TRUE(now.Has(Calls("handled", "etcdserverpb.KV", "Txn", "unary", code))) << code;
  }
  for (const char* name :
       {"etcd_server_slow_apply_total", "etcd_server_slow_read_indexes_total",
        "etcd_server_read_indexes_failed_total", "etcd_server_quota_backend_bytes"}) {
    EXPECT_TRUE(now.Has(name)) << name;
  }
}

}  // namespace
}  // namespace keelson::testing
