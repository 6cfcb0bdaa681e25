// Writes over connections that break and members that die, each applied exactly once.
#include <atomic>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/client/wire_fixture.h"
#include "tests/harness/http_client.h"
#include "tests/harness/ports.h"
#include "tests/harness/tcp_proxy.h"

namespace keelson::client {
namespace {

using keelson::testing::FindServerBinary;
using keelson::testing::MissingServerMessage;
using keelson::testing::PortLease;
using keelson::testing::TcpProxy;
using keelson::testing::TestCluster;

// Whether all members know that all of them know names.
bool TakesNames(int port) {
  auto http = keelson::testing::HttpClient::Connect(port, absl::Seconds(5));
  if (!http.ok()) return false;
  const auto answer = (*http)->Post("/v3/kv/put", R"({"key": "eA==", "value": "eA=="})",
                                    "Grpc-Metadata-keelson-request-id: 0-probe\r\n");
  return answer.ok() && answer->headers.contains("grpc-metadata-keelson-request-outcome");
}

TEST(ExactlyOnceTest, EveryWriteIsSettledAndAppliedOnceOverBrokenConnectionsAndKills) {
  const auto binary = FindServerBinary();
  if (!binary) GTEST_SKIP() << MissingServerMessage();
  if (binary->find("kvd") == std::string::npos) GTEST_SKIP() << "only kvd takes notice of names";
  auto cluster = TestCluster::Start({.members = 3});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  for (int i = 0; i < 3; ++i) {
    const int port = (*cluster)->member(i).config().client_port;
    ASSERT_TRUE(keelson::testing::WaitUntil(absl::Seconds(30), [&] { return TakesNames(port); }));
  }
  std::vector<PortLease> ports(3);
  std::vector<std::pair<int, int>> ways;
  std::vector<std::string> endpoints;
  for (int i = 0; i < 3; ++i) {
    ways.emplace_back(ports[i].port(), (*cluster)->member(i).config().client_port);
    endpoints.push_back("127.0.0.1:" + std::to_string(ports[i].port()));
  }
  TcpProxy proxy(ways);
  auto client = Client::Create(
      {.endpoints = endpoints, .timeout = absl::Seconds(30), .dial_timeout = absl::Seconds(20)});
  ASSERT_TRUE(client.ok()) << client.status();

  std::atomic<bool> over = false;
  std::atomic<int64_t> puts = 0;
  std::thread writer([&] {
    while (!over) {
      const auto put = (*client)->kv().Put("k", std::to_string(puts));
      ASSERT_TRUE(put.ok()) << put.status();
      ++puts;
    }
  });
  const auto wait_for_puts = [&](int64_t more) {
    const int64_t target = puts + more;
    return keelson::testing::WaitUntil(absl::Seconds(40), [&] { return puts >= target; });
  };
  std::minstd_rand random(17);
  for (int round = 0; round < 30; ++round) {
    // In the middle of whatever is on its way.
    EXPECT_TRUE(wait_for_puts(static_cast<int64_t>(random() % 20)));
    proxy.Break();
    if (round % 10 == 5) {
      (*cluster)->member(round / 10).Kill();
      EXPECT_TRUE(wait_for_puts(5));
      EXPECT_TRUE((*cluster)->Restart(round / 10).ok());
    }
  }
  EXPECT_TRUE(wait_for_puts(5));
  over = true;
  writer.join();
  // A client's first write, before it knows whether the cluster takes notice of names.
  for (int i = 0; i < 30; ++i) {
    auto fresh = Client::Create({.endpoints = endpoints, .timeout = absl::Seconds(20)});
    ASSERT_TRUE(fresh.ok()) << fresh.status();
    ASSERT_TRUE((*fresh)->kv().Get(KeyRange::Key("k")).ok());
    auto put = (*fresh)->kv().PutAsync("k", "first");
    proxy.Break();
    const auto result = put.Get();
    ASSERT_TRUE(result.ok()) << result.status();
    ++puts;
  }
  const auto got = (*client)->kv().Get(KeyRange::Key("k"));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->kvs.at(0).version, puts.load());
  std::printf("%lld puts\n", static_cast<long long>(puts.load()));
}

}  // namespace
}  // namespace keelson::client
