#include "bench/kvbench/hpack.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>

namespace keelson::kvbench {
namespace {

// nghttp2 as the peer that compresses answers.
class Deflater {
 public:
  Deflater() { nghttp2_hd_deflate_new(&deflater_, 4096); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }

  std::string Encode(const std::vector<std::pair<std::string, std::string>>& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
                      .namelen = name.size(),
                      .valuelen = value.size(),
                      .flags = 0});
    }
    std::string block(1024, '\0');
    const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(block.data()),
                                               block.size(), list.data(), list.size());
    block.resize(static_cast<size_t>(size));
    return block;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

TEST(HpackTest, RepeatedBlocksDecodeTheSameWhileTheTableMoves) {
  Deflater deflater;
  ResponseHeaderDecoder decoder;
  for (int round = 0; round < 200; ++round) {
    const std::string head =
        deflater.Encode({{":status", "200"}, {"content-type", "application/grpc"}});
    const ResponseHeaders* headers = decoder.Decode(head);
    ASSERT_NE(headers, nullptr);
    EXPECT_EQ(headers->http_status, 200);
    EXPECT_EQ(headers->grpc_status, -1);
    // Now and then a block that inserts into the table, so that older indexes mean something else.
    const std::string status = std::to_string(round % 7 == 0 ? round % 17 : 0);
    const std::string text = round % 7 == 0 ? "text " + std::to_string(round) : "";
    const ResponseHeaders* trailers =
        decoder.Decode(deflater.Encode({{"grpc-status", status}, {"grpc-message", text}}));
    ASSERT_NE(trailers, nullptr);
    EXPECT_EQ(std::to_string(trailers->grpc_status), status);
    EXPECT_EQ(trailers->grpc_message, text);
    EXPECT_EQ(trailers->http_status, 0);
  }
}

TEST(HpackTest, ABrokenBlockIsRefused) {
  ResponseHeaderDecoder decoder;
  EXPECT_EQ(decoder.Decode("\xfe"), nullptr);  // an index far beyond the table
}

TEST(HpackTest, PercentDecodingLeavesMalformedEscapes) {
  EXPECT_EQ(PercentDecode("a%20b"), "a b");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%zz%4"), "%zz%4");
  EXPECT_EQ(PercentDecode("%e2%82%ac"), "\xe2\x82\xac");
}

}  // namespace
}  // namespace keelson::kvbench
