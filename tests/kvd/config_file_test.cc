// Flags from a YAML file, with the keys of the file that etcd ships as its sample.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/kvd/flags.h"

namespace keelson::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<KvdFlags> Read(const std::string& yaml,
                              std::vector<std::string> arguments = {"--config-file=/etc/kvd.yml"},
                              const std::vector<std::string>& environment = {}) {
  return ParseFlags(arguments, environment, [&yaml](const std::string& path) {
    EXPECT_EQ(path, "/etc/kvd.yml");
    return absl::StatusOr<std::string>(yaml);
  });
}

KvdFlags Parsed(const std::string& yaml) {
  const auto flags = Read(yaml);
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.ok() ? *flags : KvdFlags();
}

TEST(ConfigFileTest, KeysAreFlags) {
  const KvdFlags flags = Parsed(
      "name: 'm1'\n"
      "data-dir:\n"
      "listen-client-urls: http://localhost:2379,unix:///run/kvd.sock\n"
      "advertise-client-urls: http://localhost:2379\n"
      "quota-backend-bytes: 0\n"
      "strict-reconfig-check: false\n"
      "log-outputs: [stderr, /var/log/kvd.log]\n"
      "grpc-keepalive-min-time: 2000000000\n"
      "watch-progress-notify-interval: 5s\n"
      "auto-compaction-retention: \"1\"\n");
  EXPECT_EQ(flags.name, "m1");
  EXPECT_EQ(flags.data_dir, "m1.etcd");
  EXPECT_EQ(flags.listen_client_urls, "http://localhost:2379,unix:///run/kvd.sock");
  EXPECT_FALSE(flags.strict_reconfig_check);
  EXPECT_EQ(flags.log_outputs, "stderr,/var/log/kvd.log");
  EXPECT_EQ(flags.grpc_keepalive_min_time, std::chrono::seconds(2));
  EXPECT_EQ(flags.watch_progress_notify_interval, std::chrono::seconds(5));
  EXPECT_THAT(flags.warnings, IsEmpty());
}

TEST(ConfigFileTest, TheFileAloneCounts) {
  const auto flags =
      Read("name: file\n", {"--config-file=/etc/kvd.yml", "--name=line"}, {"ETCD_MAX_TXN_OPS=7"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->name, "file");
  EXPECT_EQ(flags->max_txn_ops, 128);
  EXPECT_THAT(flags->warnings, ElementsAre("--max-txn-ops is not used: /etc/kvd.yml goes before it",
                                           "--name is not used: /etc/kvd.yml goes before it"));
}

TEST(ConfigFileTest, AVariableMayNameTheFile) {
  const auto flags = Read("name: file\n", {}, {"ETCD_CONFIG_FILE=/etc/kvd.yml"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->name, "file");
}

TEST(ConfigFileTest, WhatASampleFileLeavesEmptyOrOffIsTaken) {
  const KvdFlags flags = Parsed(
      "# comments\n"
      "wal-dir:\n"
      "snapshot-count: 10000\n"
      "proxy: 'off'\n"
      "proxy-failure-wait: 5000\n"
      "discovery:\n"
      "client-transport-security:\n"
      "  cert-file:\n"
      "  client-cert-auth: false\n"
      "  auto-tls: false\n"
      "  allowed-cn:\n"
      "peer-transport-security:\n"
      "  key-file:\n"
      "  allowed-hostname:\n"
      "cipher-suites: [\n"
      "  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\n"
      "]\n"
      "force-new-cluster: false\n"
      "tls-min-version: 'TLS1.2'\n");
  EXPECT_THAT(flags.warnings, Contains(HasSubstr("--proxy has no effect here")));
}

TEST(ConfigFileTest, ABlockOfTlsIsRefusedByItsFlag) {
  const auto message = [](const std::string& yaml) {
    return std::string(Read(yaml).status().message());
  };
  EXPECT_EQ(message("client-transport-security:\n  cert-file: a.crt\n"),
            "/etc/kvd.yml: --cert-file can't be honoured: this version has no TLS");
  EXPECT_THAT(message("peer-transport-security:\n  client-cert-auth: true\n"),
              HasSubstr("--peer-client-cert-auth can't be honoured"));
  EXPECT_THAT(message("peer-transport-security:\n  allowed-cn: member\n"),
              HasSubstr("--peer-cert-allowed-cn can't be honoured"));
}

TEST(ConfigFileTest, AnUnknownKeyIsToldWithTheNearestRightOne) {
  EXPECT_THAT(Parsed("nmae: x\n").warnings,
              ElementsAre("/etc/kvd.yml: \"nmae\" is no flag (did you mean name?)"));
}

TEST(ConfigFileTest, WhatIsNoYamlOrNoMapIsAnErrorThatNamesTheFile) {
  const auto message = [](const std::string& yaml) {
    return std::string(Read(yaml).status().message());
  };
  EXPECT_THAT(message("name: [a\n"), HasSubstr("/etc/kvd.yml: line "));
  EXPECT_EQ(message("- a\n- b\n"), "/etc/kvd.yml: is no map of flags");
  EXPECT_EQ(message("name:\n  first: a\n"),
            "/etc/kvd.yml: name must be one value, or a list of them");
  EXPECT_THAT(message("max-txn-ops: many\n"), HasSubstr("/etc/kvd.yml: invalid value \"many\""));
  EXPECT_TRUE(Read("").ok());
}

TEST(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
  const auto flags = ParseFlags({"--config-file=/no/such/file.yml"});
  EXPECT_TRUE(absl::IsNotFound(flags.status()));
  EXPECT_EQ(flags.status().message(),
            "--config-file: open of '/no/such/file.yml': No such file or directory");
}

}  // namespace
}  // namespace keelson::server
