#include "server/kvd/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "server/kvd/flag_table.h"

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
  EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({"--log-level=loud"})));
  EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({"--max-request-bytes=536870913"})));
  for (const char* text : {"3.6", "3.6.x", "v3.6.0", "3.6.0-rc.1", "3.06.0", ""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({absl::StrCat("--api-version=", text)}))) << text;
  }
}

TEST(FlagsTest, AnEmptyListOfUrlsIsNoneGivenAndBlanksAroundOneAreNothing) {
  const KvdFlags flags = Parsed({"--listen-client-urls=", "--advertise-client-urls=,",
                                 "--listen-peer-urls= ", "--initial-advertise-peer-urls="});
  EXPECT_EQ(flags.listen_client_urls, "http://localhost:2379");
  EXPECT_EQ(flags.advertise_client_urls, "http://localhost:2379");
  EXPECT_EQ(flags.listen_peer_urls, "http://localhost:2380");
  EXPECT_EQ(flags.initial_cluster, "default=http://localhost:2380");
  EXPECT_THAT(SplitUrls(" http://a:1, http://b:2 ,"), ElementsAre("http://a:1", "http://b:2"));
}

TEST(FlagsTest, WhatOtherMembersAreToldIsUtf8) {
  for (const char* flag : {"--name", "--initial-cluster", "--advertise-client-urls",
                           "--initial-advertise-peer-urls"}) {
    EXPECT_THAT(std::string(ErrorOf({absl::StrCat(flag, "=m\xfcnchen")}).message()),
                HasSubstr(absl::StrCat("flag ", flag, ": want UTF-8")));
  }
  EXPECT_EQ(Parsed({"--name=m\xc3\xbcnchen"}).name, "m\xc3\xbcnchen");
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

TEST(FlagsTest, TimesAreWrittenAsInGo) {
  using std::chrono::milliseconds;
  EXPECT_EQ(Parsed({"--grpc-keepalive-min-time=1.5s"}).grpc_keepalive_min_time, milliseconds(1500));
  EXPECT_EQ(Parsed({"--warning-apply-duration=1m30s"}).warning_apply_duration, milliseconds(90000));
  EXPECT_THAT(std::string(ErrorOf({"--grpc-keepalive-min-time=5"}).message()),
              HasSubstr("want a time such as 300ms"));
  EXPECT_FALSE(ErrorOf({"--grpc-keepalive-timeout=-1s"}).ok());
  EXPECT_FALSE(ErrorOf({"--watch-progress-notify-interval=99ms"}).ok());
  EXPECT_TRUE(ErrorOf({"--watch-progress-notify-interval=0s"}).ok());
}

TEST(FlagsTest, AFlagMayBeGivenInTheSpellingOfBefore36ButNotInBoth) {
  EXPECT_EQ(Parsed({"--experimental-snapshot-catchup-entries=7"}).snapshot_catchup_entries, 7);
  EXPECT_EQ(Parsed({}, {"ETCD_EXPERIMENTAL_SNAPSHOT_CATCHUP_ENTRIES=8"}).snapshot_catchup_entries,
            8);
  const absl::Status both =
      ErrorOf({"--snapshot-catchup-entries=1", "--experimental-snapshot-catchup-entries=1"});
  EXPECT_TRUE(absl::IsFailedPrecondition(both));
  EXPECT_THAT(std::string(both.message()), HasSubstr("are the same flag"));
  EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf({"--experimental-name=a"})));
}

TEST(FlagsTest, WhatMeansNothingHereIsTakenAndTold) {
  const KvdFlags flags = Parsed({"--snapshot-count=10000", "--unsafe-no-fsync", "--debug=false"});
  EXPECT_THAT(flags.warnings,
              ElementsAre("--snapshot-count has no effect here: the store flushes by bytes, not by "
                          "entries",
                          "--unsafe-no-fsync has no effect here: every write is on the disk before "
                          "it is acknowledged"));
}

TEST(FlagsTest, WhatItsUserCountsOnIsRefused) {
  const absl::Status tls = ErrorOf({"--cert-file=/pki/server.crt"});
  EXPECT_TRUE(absl::IsFailedPrecondition(tls));
  EXPECT_EQ(tls.message(), "--cert-file can't be honoured: this version has no TLS");
  EXPECT_FALSE(ErrorOf({"--client-cert-auth"}).ok());
  EXPECT_FALSE(ErrorOf({"--auth-token=jwt,pub-key=a"}).ok());
  EXPECT_THAT(Parsed({"--client-cert-auth=false", "--auth-token=simple", "--cert-file="}).warnings,
              IsEmpty());
}

TEST(FlagsTest, EveryFlagHasOneRow) {
  std::set<std::string_view> names;
  for (const FlagSection& section : FlagSections()) {
    for (const Flag& flag : section.flags) {
      EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
      EXPECT_FALSE(flag.help.empty()) << flag.name;
    }
  }
  EXPECT_GT(names.size(), 120u);
}

TEST(FlagsTest, FeatureGatesAreNamesWithABool) {
  EXPECT_TRUE(ErrorOf({"--feature-gates=InitialCorruptCheck=true,CompactHashCheck=false"}).ok());
  EXPECT_FALSE(ErrorOf({"--feature-gates=InitialCorruptCheck"}).ok());
  EXPECT_FALSE(ErrorOf({"--feature-gates=InitialCorruptCheck=maybe"}).ok());
}

TEST(FlagsTest, UnixSocketsAreForClientsOnly) {
  EXPECT_EQ(*ListenEndpointOf("f", "unix:///run/kvd.sock"), "unix:/run/kvd.sock");
  EXPECT_EQ(*ListenEndpointOf("f", "unix://kvd.sock"), "unix:kvd.sock");
  EXPECT_FALSE(ListenEndpointOf("f", "unix://").ok());
  EXPECT_FALSE(ListenEndpointOf("f", "unix:///" + std::string(107, 'x')).ok());
  EXPECT_FALSE(ListenEndpointOf("f", "unixs:///run/kvd.sock").ok());
  EXPECT_FALSE(HostPortOf("f", "unix:///run/kvd.sock").ok());
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
