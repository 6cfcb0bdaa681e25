// Where kvctl's settings come from: profiles, the environment, DNS; and JSON and YAML.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/discovery.h"
#include "client/kvctl/json_value.h"
#include "client/kvctl/profile.h"
#include "client/kvctl/settings.h"
#include "client/kvctl/yaml.h"
#include "tests/client/dns_server.h"
#include "tests/client/kvctl_run.h"
#include "tests/harness/temp_dir.h"

namespace keelson::kvctl {
namespace {

using ::testing::Test;

class ProfileTest : public Test {
 protected:
  ProfileTest() : path_(directory_.path() + "/keelson/kvctl.conf") {
    std::filesystem::create_directory(directory_.path() + "/keelson");
  }

  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }

  Ran Kvctl(const std::vector<std::string>& words,
            std::map<std::string, std::string> variables = {}) {
    variables["XDG_CONFIG_HOME"] = directory_.path();
    return RunWith(words, "", std::move(variables));
  }

  const keelson::testing::TempDir directory_;
  const std::string path_;
};

TEST_F(ProfileTest, TheFileFollowsTheXdgSpecification) {
  EXPECT_EQ(ProfilesPath({{"XDG_CONFIG_HOME", "/x"}, {"HOME", "/h"}}), "/x/keelson/kvctl.conf");
  EXPECT_EQ(ProfilesPath({{"XDG_CONFIG_HOME", "rel"}, {"HOME", "/h"}}),
            "/h/.config/keelson/kvctl.conf");
  EXPECT_EQ(ProfilesPath({{"HOME", "/h"}}), "/h/.config/keelson/kvctl.conf");
  EXPECT_EQ(ProfilesPath({}), "");
}

TEST_F(ProfileTest, ListShowsEachWithItsFlags) {
  Write("# mine\n[default]\nendpoints = a:1,b:2\n\n[ prod ]\noutput=json\n");
  const Ran listed = Kvctl({"profile", "list"});
  EXPECT_EQ(listed.code, kOk) << listed.err;
  EXPECT_EQ(listed.out, "PROFILE  FLAGS\ndefault  --endpoints=a:1,b:2\nprod     --output=json\n");
  const Ran json = Kvctl({"--profile", "prod", "profile", "list"});
  EXPECT_EQ(json.out, absl::StrCat("{\"file\":\"", path_,
                                   "\",\"profiles\":[{\"name\":\"default\",\"flags\":{"
                                   "\"endpoints\":\"a:1,b:2\"}},{\"name\":\"prod\",\"flags\":{"
                                   "\"output\":\"json\"}}]}\n"));
}

TEST_F(ProfileTest, AFlagWinsOverTheEnvironmentAndThatOverTheProfile) {
  Write("[default]\noutput = json\n[p]\noutput = yaml\n");
  const auto begins = [](const Ran& ran) { return ran.out.substr(0, 3); };
  EXPECT_EQ(begins(Kvctl({"profile", "list"})), "{\"f");
  EXPECT_EQ(begins(Kvctl({"profile", "list", "--profile", "p"})), "---");
  EXPECT_EQ(begins(Kvctl({"profile", "list"}, {{"KVCTL_PROFILE", "p"}})), "---");
  EXPECT_EQ(begins(Kvctl({"profile", "list"}, {{"KVCTL_OUTPUT", "fields"}})), "\"Fi");
  EXPECT_EQ(begins(Kvctl({"profile", "list", "-o", "table"}, {{"KVCTL_OUTPUT", "fields"}})), "PRO");
}

TEST_F(ProfileTest, EndpointsOfTheEnvironmentWinOverTheProfilesDiscovery) {
  Write("[default]\ndiscovery-srv = example.test\ndiscovery-dns = nowhere\n");
  EXPECT_EQ(Kvctl({"get", "a"}).code, kUsage);
  const Ran ran = Kvctl({"get", "a", "--dial-timeout=100ms"}, {{"KVCTL_ENDPOINTS", "127.0.0.1:1"}});
  EXPECT_EQ(ran.code, kUnavailable);
  EXPECT_NE(ran.err.find("no member could be reached at 127.0.0.1:1"), std::string::npos)
      << ran.err;
}

TEST_F(ProfileTest, WhatIsWrongIsNamedWithItsLine) {
  const auto problem = [&](const std::string& text) {
    Write(text);
    const Ran ran = Kvctl({"profile", "list"});
    EXPECT_EQ(ran.code, kUsage) << text;
    return ran.err;
  };
  EXPECT_NE(problem("[p]\nendpoint = x\n").find("line 2: \"endpoint\" can't be set"),
            std::string::npos);
  EXPECT_NE(problem("endpoints = x\n").find("line 1: a [NAME] must come first"), std::string::npos);
  EXPECT_NE(problem("[p]\noutput = xml\n").find("give one of table, json"), std::string::npos);
  EXPECT_NE(problem("[p]\n[p]\n").find("line 2: p is there twice"), std::string::npos);
  EXPECT_NE(problem("[]\n").find("give [NAME]"), std::string::npos);
  EXPECT_NE(problem("[\n").find("give [NAME]"), std::string::npos);
  EXPECT_NE(problem("[p]\nhex\n").find("give NAME = VALUE"), std::string::npos);
  Write("[p]\nhex = true\n");
  const Ran unknown = Kvctl({"get", "a", "--profile", "q"});
  EXPECT_EQ(unknown.code, kUsage);
  EXPECT_NE(unknown.err.find(absl::StrCat("no profile \"q\" in ", path_, "; there are: p")),
            std::string::npos);
}

TEST_F(ProfileTest, AFileThatOthersMayWriteIsRefused) {
  Write("[p]\nhex = true\n", 0620);
  const Ran refused = Kvctl({"profile", "list"});
  EXPECT_EQ(refused.code, kUsage);
  EXPECT_NE(refused.err.find("(mode 0620) is not for you alone; chmod 600 it"), std::string::npos);
  Write("[p]\nhex = true\n", 0644);
  EXPECT_EQ(Kvctl({"profile", "list"}).code, kOk);
}

TEST_F(ProfileTest, AFileWithASecretMayNotBeReadByOthers) {
  const std::vector<FlagSpec> specs = {
      {.name = "password", .kind = FlagSpec::Kind::kString, .secret = true}};
  Write("[p]\npassword = x\n", 0640);
  EXPECT_FALSE(ReadProfiles(path_, specs).ok());
  Write("[p]\npassword = x\n", 0600);
  EXPECT_TRUE(ReadProfiles(path_, specs).ok());
}

TEST(DiscoveryTest, TheLowestPriorityComesFirst) {
  const keelson::testing::DnsServer server("_etcd-client._tcp.example.test",
                                           {{20, 1, 2379, "c.example.test"},
                                            {10, 1, 2379, "b.example.test"},
                                            {10, 9, 22379, "a.example.test"}});
  const auto found = DiscoverEndpoints({.domain = "example.test", .server = server.address()});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, (std::vector<std::string>{"a.example.test:22379", "b.example.test:2379",
                                              "c.example.test:2379"}));
}

TEST(DiscoveryTest, AServiceNameIsPartOfTheQuestion) {
  const keelson::testing::DnsServer server("_etcd-client-two._tcp.example.test",
                                           {{0, 0, 1, "a.example.test"}});
  const SrvQuery query{.domain = "example.test", .service_name = "two", .server = server.address()};
  EXPECT_TRUE(DiscoverEndpoints(query).ok());
  const Ran missing =
      RunWith({"get", "a", "--discovery-srv", "example.test", "--discovery-dns", server.address()});
  EXPECT_EQ(missing.code, kUnavailable);
  EXPECT_NE(missing.err.find("no SRV record _etcd-client._tcp.example.test"), std::string::npos);
}

TEST(DiscoveryTest, ABadServerOrBothWaysAreWrongUsage) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(DiscoverEndpoints({.domain = "x", .server = "localhost"}).status()));
  EXPECT_EQ(RunWith({"get", "a", "--discovery-srv", "x", "--endpoints", "h:1"}).code, kUsage);
}

TEST(JsonValueTest, ReadsBackEveryKind) {
  const auto value = ParseJson(
      R"( {"a":[1,-2.5e3,true,null,{}],"b":"q\"\\\/\n\u00e9\ud83d\ude00","n":18446744073709551615} )");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->Find("a")->items.size(), 5u);
  EXPECT_EQ(value->Find("a")->items[1].text, "-2.5e3");
  EXPECT_EQ(value->Find("b")->text, "q\"\\/\n\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(value->Find("n")->text, "18446744073709551615");
  EXPECT_EQ(value->Find("c"), nullptr);
}

TEST(JsonValueTest, RefusesWhatIsNoJson) {
  for (const std::string text :
       {"", "{", "[1", "{\"a\"}", "{a:1}", "[1,]", "\"open", "\"\\x\"", "\"\\u12\"", "nul", "1 2",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "--1", "[1 2]"}) {
    EXPECT_FALSE(ParseJson(text).ok()) << text;
  }
  EXPECT_FALSE(ParseJson(std::string(100000, '[')).ok());
}

TEST(YamlTest, BlocksNestAndStringsAreQuoted) {
  const auto value = ParseJson(
      R"({"kvs":[{"key":"YQ==","tags":[]},{"n":1}],"list":[1,"two",["x"]],"y":null,"o":{"p":{}}})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(ToYaml(*value), R"(---
kvs:
  - key: "YQ=="
    tags: []
  - "n": 1
list:
  - 1
  - "two"
  - - "x"
"y": null
o:
  p: {}
)");
  EXPECT_EQ(ToYaml(*ParseJson("[]")), "--- []\n");
}

}  // namespace
}  // namespace keelson::kvctl
