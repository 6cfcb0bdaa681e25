#include "server/rpc/request_head.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

RequestHead Make(const Fields& fields, size_t limit = 1 << 16) {
  RequestHead head;
  for (const auto& [name, value] : fields) head.Add(name, value, limit);
  head.Complete();
  return head;
}

TEST(RequestHeadTest, MetadataHoldsTheCallersFieldsAndNotTheProtocols) {
  RequestHead head = Make({{":method", "POST"},
                           {":path", "/s/m"},
                           {":authority", "a:1"},
                           {"te", "trailers"},
                           {"token", "t1"},
                           {"content-type", "application/grpc+proto"},
                           {"grpc-timeout", "5S"},
                           {"grpc-encoding", "identity"},
                           {"grpc-accept-encoding", "gzip"},
                           {"token", "t2"},
                           {"user-agent", "x"}});
  EXPECT_TRUE(head.is_grpc());
  EXPECT_EQ(head.method(), "POST");
  EXPECT_EQ(head.path(), "/s/m");
  EXPECT_EQ(head.authority(), "a:1");
  EXPECT_EQ(head.timeout(), std::chrono::seconds(5));
  EXPECT_TRUE(head.grpc_error().ok());
  EXPECT_EQ(head.fields(), (Fields{{"token", "t1"}, {"token", "t2"}, {"user-agent", "x"}}));
}

TEST(RequestHeadTest, BinaryMetadataIsDecodedAlsoWhenValuesWereJoined) {
  RequestHead head =
      Make({{"content-type", "application/grpc"}, {"a-bin", "YQ,Yg=="}, {"b", "YQ"}});
  EXPECT_TRUE(head.grpc_error().ok());
  EXPECT_EQ(head.fields(), (Fields{{"a-bin", "a"}, {"a-bin", "b"}, {"b", "YQ"}}));
}

TEST(RequestHeadTest, AllFieldsOfAPlainRequestAreKept) {
  RequestHead head = Make({{":method", "GET"}, {"content-type", "text/plain"}, {"x-bin", "*"}});
  EXPECT_FALSE(head.is_grpc());
  EXPECT_TRUE(head.grpc_error().ok());
  EXPECT_EQ(head.fields(), (Fields{{"content-type", "text/plain"}, {"x-bin", "*"}}));
}

TEST(RequestHeadTest, WhatAGrpcRequestMayNotSayIsAnError) {
  const auto error = [](const char* name, const char* value) {
    return Make({{"content-type", "application/grpc"}, {name, value}}).grpc_error();
  };
  EXPECT_EQ(error("grpc-timeout", "1x").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(error("x-bin", "*").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(error("grpc-encoding", "gzip").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(error("grpc-encoding", "gzip").message(),
            "grpc: Decompressor is not installed for grpc-encoding \"gzip\"");
}

TEST(RequestHeadTest, BeyondTheLimitNothingIsKept) {
  RequestHead head = Make({{"a", std::string(60, 'x')}, {"b", std::string(60, 'x')}}, 100);
  EXPECT_TRUE(head.too_large());
  EXPECT_EQ(head.fields().size(), 1u);
  EXPECT_FALSE(Make({{"a", std::string(67, 'x')}}, 100).too_large());
}

}  // namespace
}  // namespace keelson::server
