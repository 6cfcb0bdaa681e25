#include "bench/kvbench/options.h"

#include <gtest/gtest.h>

namespace keelson::kvbench {
namespace {

using Args = std::vector<std::string>;

TEST(OptionsTest, ValuesFollowOrAreJoinedByEquals) {
  const auto options = ParseOptions(Args{"put", "--connections", "50", "--streams=3", "--rate=2.5",
                                         "--endpoints=http://a:1,b:2", "--sequential"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->connections, 50u);
  EXPECT_EQ(options->streams, 3u);
  EXPECT_EQ(options->rate, 2.5);
  ASSERT_EQ(options->endpoints.size(), 2u);
  EXPECT_EQ(options->endpoints[0].ToString(), "a:1");
  EXPECT_EQ(options->endpoints[1].ToString(), "b:2");
  EXPECT_TRUE(options->keys.sequential);
}

TEST(OptionsTest, AnOpenLoopHasManyStreamsByDefault) {
  EXPECT_EQ(ParseOptions(Args{"put"})->streams, 1u);
  EXPECT_EQ(ParseOptions(Args{"put", "--rate", "10"})->streams, 1000u);
}

TEST(OptionsTest, AGetBecomesSerializableByItsSwitch) {
  EXPECT_EQ(ParseOptions(Args{"get"})->mix[0].first, OpKind::kGet);
  EXPECT_EQ(ParseOptions(Args{"get", "--serializable"})->mix[0].first, OpKind::kSerializableGet);
}

TEST(OptionsTest, AMixNamesOperationsAndWeights) {
  const auto options = ParseOptions(Args{"mixed", "--mix", "put=1,get_serializable=9"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->mix.size(), 2u);
  EXPECT_EQ(options->mix[1].first, OpKind::kSerializableGet);
  EXPECT_EQ(options->mix[1].second, 9u);
  EXPECT_FALSE(ParseOptions(Args{"mixed"}).ok());
  EXPECT_FALSE(ParseOptions(Args{"mixed", "--mix", "put"}).ok());
  EXPECT_FALSE(ParseOptions(Args{"mixed", "--mix", "dance=1"}).ok());
}

TEST(OptionsTest, MistakesAreNamed) {
  for (const Args& args :
       {Args{"fly"}, Args{"put", "--nope", "1"}, Args{"put", "--rate"}, Args{"put", "--rate", "x"},
        Args{"put", "--rate", "-1"}, Args{"put", "stray"}, Args{"put", "--endpoints", "nohost"},
        Args{"put", "--connections", "0"}, Args{"watch", "--value-size", "4"},
        Args{"watch", "--watched", "50"}, Args{"watch", "--own-keys", "--watched", "101"},
        Args{"watch", "--watch-thread", "--max-lag", "1"}}) {
    const auto options = ParseOptions(args);
    ASSERT_FALSE(options.ok()) << args.back();
    EXPECT_NE(options.status().message().find(args.size() > 1 ? "--" : "fly"),
              absl::string_view::npos)
        << options.status();
  }
}

TEST(OptionsTest, HelpNamesEveryCommandAndOption) {
  const std::string help = HelpText();
  for (const char* word : {"keepalive", "--max-lag", "--timeline", "--target", "Examples"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(ParseOptions(Args{"put", "--help"})->command, Command::kHelp);
}

}  // namespace
}  // namespace keelson::kvbench
