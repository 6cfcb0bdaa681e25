// How kvctl looks: every result in every format with fixed data, and every help text, as files.
#include <gtest/gtest.h>

#include <sstream>

#include "client/kvctl/help.h"
#include "client/kvctl/writer.h"
#include "tests/client/golden.h"

namespace keelson::kvctl {
namespace {

using client::KeyValue;
using keelson::testing::ExpectGolden;

constexpr char kDirectory[] = "tests/client/golden/";
constexpr client::Header kHeader{.cluster_id = 0xcdf818194e3a8c32,
                                 .member_id = 0x8e9e05c52164694d,
                                 .revision = 7,
                                 .raft_term = 2};
constexpr int64_t kLease = 0x694d77aa9e38260f;

KeyValue Pair(const char* key, const char* value, int64_t lease = 0) {
  return {.key = key,
          .value = value,
          .create_revision = 3,
          .mod_revision = 5,
          .version = 2,
          .lease = lease};
}

client::TxnResult SampleTxn() {
  client::TxnResult inner{.header = {.revision = 7}, .succeeded = false};
  inner.responses.push_back(client::DeleteResult{.header = {.revision = 7}, .deleted = 1});
  client::TxnResult txn{.header = kHeader, .succeeded = true};
  txn.responses.push_back(client::PutResult{.header = {.revision = 7}});
  txn.responses.push_back(
      client::GetResult{.header = {.revision = 7}, .kvs = {Pair("a", "1")}, .count = 1});
  txn.responses.push_back(std::make_shared<const client::TxnResult>(std::move(inner)));
  return txn;
}

void WriteKv(Writer& writer) {
  const client::GetResult got{.header = kHeader,
                              .kvs = {Pair("a", "one"), Pair("b\n", "\xff\"two\"", kLease)},
                              .more = true,
                              .count = 3};
  writer.Get(got, {});
  writer.Get(got, {.value_only = true});
  writer.Get({.header = kHeader, .count = 3}, {.count_only = true});
  client::GetResult aged{.header = kHeader, .kvs = {Pair("a", "one")}, .count = 1};
  aged.freshness = {.age = absl::Milliseconds(12), .quorum = true, .revision = 7};
  writer.Get(aged, {.freshness = true});
  writer.Put({.header = kHeader});
  writer.Put({.header = kHeader, .prev_kv = Pair("a", "old")});
  writer.Delete({.header = kHeader, .deleted = 1, .prev_kvs = {Pair("a", "one")}});
  writer.Txn(SampleTxn());
  writer.Compact(7, {.header = kHeader});
  client::WatchBatch batch{.header = kHeader};
  batch.events.push_back({.kv = Pair("a", "two"), .prev_kv = Pair("a", "one")});
  batch.events.push_back(
      {.type = client::WatchEvent::Type::kDelete, .kv = {.key = "a", .mod_revision = 7}});
  writer.Watch(batch);
  writer.Watch({.header = kHeader, .kind = client::WatchBatch::Kind::kProgress});
}

void WriteLeases(Writer& writer) {
  writer.LeaseGrant({.header = kHeader, .id = kLease, .ttl = 60});
  writer.LeaseRevoke(kLease, {.header = kHeader});
  writer.LeaseRenew({.header = kHeader, .id = kLease, .ttl = 60});
  writer.LeaseTtl(
      {.header = kHeader, .id = kLease, .ttl = 59, .granted_ttl = 60, .keys = {"a", "b"}});
  writer.LeaseTtl({.header = kHeader, .id = kLease, .ttl = -1});
  writer.LeaseList({.header = kHeader, .ids = {kLease, 16}});
}

void WriteCluster(Writer& writer) {
  writer.MemberList(
      {.header = kHeader,
       .members = {{.id = 0x8e9e05c52164694d,
                    .name = "m0",
                    .peer_urls = {"http://10.0.0.1:2380"},
                    .client_urls = {"http://10.0.0.1:2379", "http://h:2379"}},
                   {.id = 0xa1, .peer_urls = {"http://10.0.0.2:2380"}, .is_learner = true}}});
  const client::Member one{.id = 0x8e9e05c52164694d,
                           .name = "m0",
                           .peer_urls = {"http://10.0.0.1:2380"},
                           .client_urls = {"http://10.0.0.1:2379"}};
  const client::Member added{
      .id = 0xa1, .peer_urls = {"http://10.0.0.2:2380", "http://h:2380"}, .is_learner = true};
  writer.MemberAdded(
      {.name = "m1", .result = {.header = kHeader, .member = added, .members = {one, added}}});
  const client::MemberChangeResult changed{.header = kHeader, .members = {one}};
  writer.MemberChanged(MemberVerb::kRemoved, 0xa1, changed);
  writer.MemberChanged(MemberVerb::kUpdated, one.id, changed);
  writer.MemberChanged(MemberVerb::kPromoted, one.id, changed);
  client::MemberStatus leader{.header = kHeader,
                              .version = "3.6.0",
                              .db_size = 24576,
                              .db_size_in_use = 16384,
                              .db_size_quota = 2147483648,
                              .leader = kHeader.member_id,
                              .raft_index = 90,
                              .raft_term = 2,
                              .raft_applied_index = 90,
                              .storage_version = "3.6.0"};
  client::MemberStatus alone = leader;
  alone.leader = 0;
  alone.errors = {"etcdserver: no leader"};
  writer.EndpointStatuses({{.endpoint = "10.0.0.1:2379", .status = leader},
                           {.endpoint = "10.0.0.2:2379", .status = alone}});
  writer.EndpointHealth(
      {{.endpoint = "10.0.0.1:2379", .healthy = true, .took = absl::Microseconds(1402)},
       {.endpoint = "10.0.0.2:2379",
        .took = absl::Seconds(5),
        .error = "no member could be reached"}});
  client::MemberHash hash{
      .header = kHeader, .hash = 2847150461, .compact_revision = -1, .hash_revision = 7};
  writer.EndpointHashes({{.endpoint = "10.0.0.1:2379", .hash = hash}});
  hash.compact_revision = 5;
  writer.EndpointHashes(
      {{.endpoint = "10.0.0.1:2379", .hash = hash}, {.endpoint = "10.0.0.2:2379", .hash = hash}});
  writer.Defrag({{.endpoint = "10.0.0.1:2379", .error = ""},
                 {.endpoint = "10.0.0.2:2379", .error = "no member could be reached"}});
  writer.MoveLeader(0x8e9e05c52164694d, 0xa1);
  writer.Alarms({.header = kHeader,
                 .alarms = {{.member_id = 0x8e9e05c52164694d, .type = client::AlarmType::kNoSpace},
                            {.member_id = 0xa1, .type = client::AlarmType::kCorrupt}}});
}

void WriteAnswer(Writer& writer) {
  writer.Show({.plain = "a 1\n",
               .columns = {"NAME", "COUNT"},
               .rows = {{"a", "1"}},
               .json = R"({"mod_revision":1,"items":[{"name":"a","of":{"x":1}}],"none":[]})"});
  writer.Show({.plain = "no table\n", .json = R"("no table")"});
}

std::string Everything(OutputFormat format, const WriteOptions& options) {
  std::ostringstream out;
  const auto writer = MakeWriter(format, options, out);
  WriteKv(*writer);
  WriteLeases(*writer);
  WriteCluster(*writer);
  WriteAnswer(*writer);
  return out.str();
}

TEST(KvctlGoldenTest, SimpleOutput) {
  ExpectGolden(std::string(kDirectory) + "simple.txt", Everything(OutputFormat::kSimple, {}));
}

TEST(KvctlGoldenTest, HexOutput) {
  ExpectGolden(std::string(kDirectory) + "hex.txt",
               Everything(OutputFormat::kSimple, {.hex = true}));
}

TEST(KvctlGoldenTest, TableOutput) {
  ExpectGolden(std::string(kDirectory) + "table.txt", Everything(OutputFormat::kTable, {}));
}

TEST(KvctlGoldenTest, ColouredTableOutput) {
  ExpectGolden(std::string(kDirectory) + "table_colour.txt",
               Everything(OutputFormat::kTable, {.colour = true}));
}

TEST(KvctlGoldenTest, JsonOutput) {
  ExpectGolden(std::string(kDirectory) + "json.txt", Everything(OutputFormat::kJson, {}));
}

TEST(KvctlGoldenTest, YamlOutput) {
  ExpectGolden(std::string(kDirectory) + "yaml.txt", Everything(OutputFormat::kYaml, {}));
}

TEST(KvctlGoldenTest, FieldsOutput) {
  ExpectGolden(std::string(kDirectory) + "fields.txt", Everything(OutputFormat::kFields, {}));
}

TEST(KvctlGoldenTest, Overview) {
  std::ostringstream out;
  PrintOverview(out);
  ExpectGolden(std::string(kDirectory) + "help.txt", out.str());
}

TEST(KvctlGoldenTest, HelpOfEveryCommand) {
  std::ostringstream out;
  for (const Command& command : AllCommands()) {
    out << "$ kvctl help " << command.name << "\n";
    PrintCommandHelp(command, out);
    out << "\n";
  }
  ASSERT_TRUE(PrintGroupHelp("lease", out));
  ExpectGolden(std::string(kDirectory) + "help_commands.txt", out.str());
}

TEST(KvctlGoldenTest, EveryCommandHasASummaryAndExamplesAndRuns) {
  for (const Command& command : AllCommands()) {
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_NE(command.examples.find("kvctl"), std::string::npos) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
  }
}

}  // namespace
}  // namespace keelson::kvctl
