#include "server/rpc/grpc_text.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(GrpcTimeoutTest, EveryUnitIsUnderstood) {
  EXPECT_EQ(ParseGrpcTimeout("2H"), hours(2));
  EXPECT_EQ(ParseGrpcTimeout("3M"), minutes(3));
  EXPECT_EQ(ParseGrpcTimeout("5S"), seconds(5));
  EXPECT_EQ(ParseGrpcTimeout("100m"), milliseconds(100));
  EXPECT_EQ(ParseGrpcTimeout("7u"), microseconds(7));
  EXPECT_EQ(ParseGrpcTimeout("99999999n"), nanoseconds(99999999));
  EXPECT_EQ(ParseGrpcTimeout("0S"), seconds(0));
}

TEST(GrpcTimeoutTest, AHugeTimeoutIsCutSoThatAClockCanHoldIt) {
  const auto timeout = ParseGrpcTimeout("99999999H");
  ASSERT_TRUE(timeout.has_value());
  EXPECT_GT(*timeout, hours(24 * 365 * 20));
  const auto now = std::chrono::steady_clock::now();
  EXPECT_GT(now + *timeout, now);
}

TEST(GrpcTimeoutTest, MalformedTimeoutsAreRefused) {
  for (const char* text :
       {"", "S", "5", "5s", "-5S", "+5S", " 5S", "5 S", "123456789S", "5SS", "1.5S", "5x"}) {
    EXPECT_FALSE(ParseGrpcTimeout(text).has_value()) << text;
  }
}

TEST(PercentEncodeTest, OnlyPrintableAsciiWithoutPercentStaysAsItIs) {
  EXPECT_EQ(PercentEncode("etcdserver: key is not provided"), "etcdserver: key is not provided");
  EXPECT_EQ(PercentEncode("100%\n"), "100%25%0A");
  EXPECT_EQ(PercentEncode("\xc3\xa9\x7f"), "%C3%A9%7F");
  EXPECT_EQ(PercentEncode(std::string_view("\0", 1)), "%00");
}

TEST(ContentTypeTest, OnlyGrpcWithAnOptionalSuffixIsGrpc) {
  EXPECT_TRUE(IsGrpcContentType("application/grpc"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc+proto"));
  EXPECT_TRUE(IsGrpcContentType("Application/GRPC;charset=utf-8"));
  EXPECT_FALSE(IsGrpcContentType("application/grpc-web"));
  EXPECT_FALSE(IsGrpcContentType("application/grpcx"));
  EXPECT_FALSE(IsGrpcContentType("application/json"));
  EXPECT_FALSE(IsGrpcContentType(""));
}

TEST(BinaryMetadataTest, PaddingIsOptionalWhenReadAndNeverWritten) {
  const std::string bytes("\x00\xff\x10", 3);
  EXPECT_EQ(EncodeBinary(bytes), "AP8Q");
  EXPECT_EQ(EncodeBinary("a"), "YQ");
  EXPECT_EQ(DecodeBinary("YQ"), "a");
  EXPECT_EQ(DecodeBinary("YQ=="), "a");
  EXPECT_EQ(DecodeBinary("AP8Q"), bytes);
  EXPECT_FALSE(DecodeBinary("*").has_value());
}

class OneService final : public MethodTable {
 public:
  const Method* Find(std::string_view) const override { return nullptr; }
  bool HasService(std::string_view path) const override { return path.starts_with("/pkg.S/"); }
};

TEST(UnknownPathTest, TheTextsAreThoseOfAGoServer) {
  const OneService methods;
  const auto text = [&](std::string_view path) {
    const absl::Status status = UnknownPath(path, methods);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    return std::string(status.message());
  };
  EXPECT_EQ(text("/pkg.S/Nope"), "unknown method Nope for service pkg.S");
  EXPECT_EQ(text("/other.S/Put"), "unknown service other.S");
  EXPECT_EQ(text("/a/b/c"), "unknown service a/b");
  EXPECT_EQ(text("/nope"), "malformed method name: \"/nope\"");
  EXPECT_EQ(text("nope/x"), "malformed method name: \"nope/x\"");
  EXPECT_EQ(text(""), "malformed method name: \"\"");
}

}  // namespace
}  // namespace keelson::server
