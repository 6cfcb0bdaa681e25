#include "server/kvd/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Words = std::vector<std::string>;

KvdFlags Parsed(const Words& arguments, const Words& environment = {}) {
  const auto flags = ParseFlags(arguments, environment);
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.ok() ? *flags : KvdFlags();
}

absl::Status ErrorOf(const Words& arguments, const Words& environment = {}) {
  return ParseFlags(arguments, environment).status();
}

TEST(FlagsTest, WithoutFlagsAClusterOfOneOnTheDefaultPorts) {
  const KvdFlags flags = Parsed({});
  EXPECT_EQ(flags.data_dir, "default.etcd");
  EXPECT_EQ(flags.initial_cluster, "default=http://localhost:2380");
  EXPECT_EQ(flags.listen_client_urls, "http://localhost:2379");
  EXPECT_EQ(flags.max_request_bytes, 1572864);
  EXPECT_THAT(flags.warnings, IsEmpty());
}

TEST(FlagsTest, OneOrTwoDashesAValueAfterASpaceOrAnEqualsSign) {
  const KvdFlags flags =
      Parsed({"--name", "m1", "-max-txn-ops=7", "--data-dir=a=b", "-election-timeout", "2000"});
  EXPECT_EQ(flags.name, "m1");
  EXPECT_EQ(flags.max_txn_ops, 7);
  EXPECT_EQ(flags.data_dir, "a=b");
  EXPECT_EQ(flags.election_timeout, 2000);
  EXPECT_TRUE(Parsed({"--version"}).version);
  EXPECT_FALSE(Parsed({"--version=false"}).version);
  EXPECT_TRUE(Parsed({"-h"}).help);
}

TEST(FlagsTest, AnUnknownFlagIsToldWithTheNearestRightOne) {
  const absl::Status unknown = ErrorOf({"--listen-client-url=http://a:1"});
  EXPECT_TRUE(absl::IsInvalidArgument(unknown));
  EXPECT_EQ(unknown.message(),
            "flag provided but not defined: --listen-client-url (did you mean "
            "--listen-client-urls?)");
  EXPECT_THAT(std::string(ErrorOf({"--datadir", "x"}).message()), HasSubstr("--data-dir?"));
}

TEST(FlagsTest, BadValuesAndStrayArguments) {
  EXPECT_THAT(std::string(ErrorOf({"--max-txn-ops=many"}).message()),
              HasSubstr("invalid value \"many\" for flag --max-txn-ops: want a whole number"));
  EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({"--version=maybe"})));
  EXPECT_EQ(ErrorOf({"--name"}).message(), "flag needs an argument: --name");
  EXPECT_TRUE(absl::IsOutOfRange(ErrorOf({"serve"})));
  EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({"--initial-cluster-state=old"})));
}

TEST(FlagsTest, WhatCannotGoTogether) {
  EXPECT_THAT(std::string(ErrorOf({"--listen-client-urls=http://a:1"}).message()),
              HasSubstr("--advertise-client-urls is required"));
  EXPECT_EQ(ErrorOf({"--heartbeat-interval=300"}).message(),
            "--election-timeout[1000ms] should be at least as 5 times as "
            "--heartbeat-interval[300ms]");
  EXPECT_TRUE(absl::IsFailedPrecondition(ErrorOf({"--election-timeout=60000"})));
  EXPECT_TRUE(absl::IsFailedPrecondition(ErrorOf({"--heartbeat-interval=0"})));
}

TEST(FlagsTest, EachFlagIsAlsoAVariableAndTheCommandLineGoesBeforeIt) {
  const KvdFlags flags = Parsed({"--name=line"}, {"PATH=/bin", "ETCD_NAME=variable",
                                                  "ETCD_MAX_TXN_OPS=9", "ETCD_DATA_DIR=/d=1"});
  EXPECT_EQ(flags.name, "line");
  EXPECT_EQ(flags.max_txn_ops, 9);
  EXPECT_EQ(flags.data_dir, "/d=1");
  EXPECT_THAT(flags.warnings,
              ElementsAre("environment variable ETCD_NAME is not used: --name goes before it"));
}

TEST(FlagsTest, UnknownVariablesAreWarnedAboutAndBadValuesAreErrors) {
  EXPECT_THAT(Parsed({}, {"ETCD_NMAE=x", "ETCDCTL_API=3", "ETCD_VERSION=3.6.0"}).warnings,
              ElementsAre("unrecognized environment variable: ETCD_NMAE",
                          "unrecognized environment variable: ETCD_VERSION"));
  EXPECT_THAT(std::string(ErrorOf({}, {"ETCD_MAX_TXN_OPS=x"}).message()),
              HasSubstr("ETCD_MAX_TXN_OPS: invalid value"));
  EXPECT_EQ(Parsed({}, {"ETCD_NAME="}).name, "default") << "an empty variable is none";
}

TEST(FlagsTest, AVariableCountsAsGivenWhereFlagsNeedEachOther) {
  EXPECT_FALSE(ErrorOf({}, {"ETCD_LISTEN_CLIENT_URLS=http://a:1"}).ok());
  EXPECT_TRUE(
      ErrorOf({"--advertise-client-urls=http://a:1"}, {"ETCD_LISTEN_CLIENT_URLS=http://a:1"}).ok());
}

TEST(FlagsTest, UrlsAreHostAndPort) {
  EXPECT_EQ(*HostPortOf("f", "http://10.0.0.1:2379"), "10.0.0.1:2379");
  EXPECT_EQ(*HostPortOf("f", "http://[::1]:2379/"), "[::1]:2379");
  const auto message = [](const std::string& url) {
    return std::string(HostPortOf("f", url).status().message());
  };
  EXPECT_THAT(message("https://a:1"), HasSubstr("--f: URL \"https://a:1\" asks for TLS"));
  EXPECT_THAT(message("a:1"), HasSubstr("must begin with http://"));
  EXPECT_THAT(message("http://a"), HasSubstr("must end in :PORT"));
  EXPECT_THAT(message("http://a:99999"), HasSubstr("must end in :PORT"));
  EXPECT_THAT(message("http://a:1/path"), HasSubstr("must not have a path"));
}

TEST(FlagsTest, TheHelpNamesEveryFlagWithItsDefault) {
  const std::string help = HelpText();
  EXPECT_THAT(help, HasSubstr("--max-txn-ops"));
  EXPECT_THAT(help, HasSubstr("(default 128)"));
  EXPECT_THAT(help, HasSubstr("ETCD_NAME_OF_FLAG"));
}

}  // namespace
}  // namespace keelson::server
