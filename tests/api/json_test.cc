// JSON as etcd's clients write and read it.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <memory>

#include "proto/etcd/rpc.pb.h"
#include "server/api/json_codec.h"
#include "server/api/json_messages.h"
#include "server/api/utf8.h"

namespace keelson::server {
namespace {

// What a request becomes: as the gateway would print what a handler makes of it, or the code of its
// error.
std::string Read(const std::string& type, const std::string& json) {
  const JsonCodec codec;
  const auto bytes = codec.ToProto("etcdserverpb." + type, json);
  if (!bytes.ok()) return "error " + std::to_string(bytes.status().raw_code());
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("etcdserverpb." +
                                                                                type);
  const std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  EXPECT_TRUE(message->ParseFromString(*bytes));
  return *codec.ToJson("etcdserverpb." + type, message->SerializeAsString());
}

TEST(JsonCodecTest, NamesMayBeAsInTheProtoOrInLowerCamel) {
  EXPECT_EQ(Read("PutRequest", "{\"prev_kv\":true,\"ignore_lease\":true}"),
            "{\"prev_kv\":true,\"ignore_lease\":true}");
  EXPECT_EQ(Read("PutRequest", "{\"prevKv\":true,\"ignoreLease\":true}"),
            "{\"prev_kv\":true,\"ignore_lease\":true}");
  EXPECT_EQ(Read("LeaseGrantRequest", "{\"TTL\":5,\"ID\":7}"), "{\"TTL\":\"5\",\"ID\":\"7\"}");
  EXPECT_EQ(Read("MemberAddRequest", "{\"peerURLs\":[\"http://a\"],\"isLearner\":true}"),
            "{\"peerURLs\":[\"http://a\"],\"isLearner\":true}");
}

TEST(JsonCodecTest, UnknownNamesAreSkippedAtEveryDepth) {
  EXPECT_EQ(Read("PutRequest", "{\"x\":{\"y\":[1,{}]},\"lease\":1,\"z\":null}"),
            "{\"lease\":\"1\"}");
  EXPECT_EQ(Read("TxnRequest", "{\"success\":[{\"request_range\":{\"key\":\"YQ==\",\"x\":1}}]}"),
            "{\"success\":[{\"request_range\":{\"key\":\"YQ==\"}}]}");
}

TEST(JsonCodecTest, NumbersMayBeStringsAndKeepTheirExtremes) {
  for (const char* number : {"9223372036854775807", "-9223372036854775808", "1"}) {
    const std::string printed = "{\"lease\":\"" + std::string(number) + "\"}";
    EXPECT_EQ(Read("PutRequest", printed), printed);
    EXPECT_EQ(Read("PutRequest", "{\"lease\":" + std::string(number) + "}"), printed);
  }
  EXPECT_EQ(Read("MoveLeaderRequest", "{\"targetID\":\"18446744073709551615\"}"),
            "{\"targetID\":\"18446744073709551615\"}");
  for (const char* wrong :
       {"\"9223372036854775808\"", "1.5", "\"\"", "true", "[]", "{}", "\"x\""}) {
    EXPECT_EQ(Read("PutRequest", "{\"lease\":" + std::string(wrong) + "}"), "error 3") << wrong;
  }
  EXPECT_EQ(Read("HashResponse", "{\"hash\":4294967295}"), "{\"hash\":4294967295}");
}

TEST(JsonCodecTest, BytesAreBase64OfEitherAlphabetWithOrWithoutPadding) {
  for (const char* text : {"/+8=", "_-8=", "/+8", "_-8"}) {
    EXPECT_EQ(Read("PutRequest", "{\"key\":\"" + std::string(text) + "\"}"), "{\"key\":\"/+8=\"}");
  }
  for (const char* wrong : {"Zm9v!", "Z", "Zm9vYg=", "Zm 9v"}) {
    EXPECT_EQ(Read("PutRequest", "{\"key\":\"" + std::string(wrong) + "\"}"), "error 3") << wrong;
  }
}

TEST(JsonCodecTest, EnumsAreNamesOrNumbersAndAMisspelledOneIsRefused) {
  EXPECT_EQ(Read("RangeRequest", "{\"sort_order\":\"DESCEND\",\"sort_target\":2}"),
            "{\"sort_order\":\"DESCEND\",\"sort_target\":\"CREATE\"}");
  EXPECT_EQ(Read("RangeRequest", "{\"sort_order\":\"DESCENT\"}"), "error 3");
  EXPECT_EQ(Read("RangeRequest", "{\"unknown\":1,\"sort_order\":\"DESCENT\"}"), "error 3");
  EXPECT_EQ(Read("TxnRequest", "{\"compare\":[{\"result\":\"GREATR\"}]}"), "error 3");
  EXPECT_EQ(Read("RangeRequest", "{\"sort_order\":7}"), "{\"sort_order\":7}");
}

TEST(JsonCodecTest, NullAndWhatHasItsDefaultIsNotSet) {
  EXPECT_EQ(Read("PutRequest", "{\"key\":null,\"lease\":null,\"value\":\"\",\"prev_kv\":false}"),
            "{}");
  EXPECT_EQ(Read("RangeRequest", "{\"sort_order\":\"NONE\",\"limit\":\"0\"}"), "{}");
  EXPECT_EQ(Read("WatchRequest", "{\"create_request\":null}"), "{}");
  EXPECT_EQ(Read("WatchRequest", "{\"create_request\":{}}"), "{\"create_request\":{}}");
  EXPECT_EQ(Read("WatchRequest", "{\"create_request\":{\"filters\":[]}}"),
            "{\"create_request\":{}}");
  EXPECT_EQ(Read("TxnRequest", "{\"success\":[{}],\"failure\":null}"), "{\"success\":[{}]}");
  EXPECT_EQ(Read("TxnRequest", "{\"compare\":[{\"version\":null,\"value\":\"YQ==\"}]}"),
            "{\"compare\":[{\"value\":\"YQ==\"}]}");
}

// A oneof that is set to zero is set: a compare of version 0 is not one of nothing.
TEST(JsonCodecTest, AOneofKeepsAZero) {
  EXPECT_EQ(Read("TxnRequest", "{\"compare\":[{\"target\":\"CREATE\",\"create_revision\":\"0\"}]}"),
            "{\"compare\":[{\"target\":\"CREATE\",\"create_revision\":\"0\"}]}");
  EXPECT_EQ(Read("TxnRequest", "{\"compare\":[{\"version\":1,\"mod_revision\":2}]}"), "error 3");
}

TEST(JsonCodecTest, DepthAndTextAreLimited) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "{\"success\":[{\"request_txn\":";
  EXPECT_EQ(Read("TxnRequest", deep), "error 3");
  EXPECT_EQ(Read("TxnRequest", "{\"x\":" + std::string(100'000, '[')), "error 3");
  EXPECT_EQ(Read("AuthenticateRequest", "{\"name\":\"\xff\"}"), "error 3");
}

TEST(JsonQuoteTest, OnlyWhatMustBeIsEscaped) {
  EXPECT_EQ(JsonQuote("plain"), "\"plain\"");
  EXPECT_EQ(JsonQuote("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
  EXPECT_EQ(JsonQuote("\xc3\xa9"), "\"\xc3\xa9\"");
  EXPECT_EQ(JsonQuote("\xff|\xed\xa0\x80|\xc3"), "\"\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\"");
}

TEST(Utf8Test, LongFormsSurrogatesAndCutCharactersAreNone) {
  for (const char* good : {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe1\x80", "\xf1\x80\x80", "a\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

std::string Cut(const std::string& body) {
  JsonMessages messages(body);
  std::string cut;
  std::string_view message;
  for (;;) {
    switch (messages.Next(&message)) {
      case JsonMessages::Result::kMessage:
        cut += std::string(message) + "|";
        continue;
      case JsonMessages::Result::kEnd:
        return cut + "end";
      case JsonMessages::Result::kMalformed:
        EXPECT_EQ(messages.Next(&message), JsonMessages::Result::kMalformed);
        return cut + "malformed";
    }
  }
}

TEST(JsonMessagesTest, ABodyIsCutBetweenItsObjects) {
  EXPECT_EQ(Cut(""), "end");
  EXPECT_EQ(Cut(" \t\r\n"), "end");
  EXPECT_EQ(Cut("{}"), "{}|end");
  EXPECT_EQ(Cut("{\"a\":{\"b\":{}}} {}\n{}"), "{\"a\":{\"b\":{}}}|{}|{}|end");
  EXPECT_EQ(Cut("{\"a\":\"}{\"}{'}':1}"), "{\"a\":\"}{\"}|{'}':1}|end");
  EXPECT_EQ(Cut("{\"a\":\"\\\"}\"}{}"), "{\"a\":\"\\\"}\"}|{}|end");
  EXPECT_EQ(Cut("null {}"), "{}|{}|end");
  EXPECT_EQ(Cut("{}x"), "{}|malformed");
  EXPECT_EQ(Cut("{} ["), "{}|malformed");
  EXPECT_EQ(Cut("{\"a\":1"), "malformed");
  EXPECT_EQ(Cut("{\"a\":\"\\"), "malformed");
}

}  // namespace
}  // namespace keelson::server
