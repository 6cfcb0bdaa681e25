#include "server/rpc/message_deframer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keelson::server {
namespace {

using Result = MessageDeframer::Result;

std::string Prefixed(std::string_view message) {
  std::string out;
  AppendMessagePrefix(message.size(), &out);
  return out + std::string(message);
}

std::vector<std::string> ReadAll(MessageDeframer* deframer) {
  std::vector<std::string> messages;
  std::string_view message;
  while (deframer->Next(&message) == Result::kMessage) messages.emplace_back(message);
  return messages;
}

TEST(MessageDeframerTest, MessagesComeOutWholeForEveryCutOfTheBytes) {
  const std::string big(5000, 'x');
  const std::string wire = Prefixed("one") + Prefixed("") + Prefixed(big) + Prefixed("four");
  for (size_t cut = 1; cut < 40; ++cut) {
    MessageDeframer deframer(10'000);
    std::vector<std::string> messages;
    for (size_t at = 0; at < wire.size(); at += cut) {
      deframer.Append(std::string_view(wire).substr(at, cut));
      for (auto& message : ReadAll(&deframer)) messages.push_back(std::move(message));
    }
    EXPECT_EQ(messages, (std::vector<std::string>{"one", "", big, "four"})) << "cut " << cut;
    EXPECT_EQ(deframer.buffered_bytes(), 0u);
  }
}

TEST(MessageDeframerTest, AMessageAtTheLimitPassesAndOneAboveIsRefusedBeforeItsBytesCome) {
  MessageDeframer deframer(3);
  deframer.Append(Prefixed("abc"));
  EXPECT_EQ(ReadAll(&deframer), std::vector<std::string>{"abc"});
  deframer.Append(std::string("\0\0\0\0\4", 5));
  EXPECT_EQ(deframer.CheckPrefix().code(), absl::StatusCode::kResourceExhausted);
  std::string_view message;
  EXPECT_EQ(deframer.Next(&message), Result::kError);
  EXPECT_EQ(deframer.error().message(), "grpc: received message larger than max (4 vs. 3)");
  EXPECT_EQ(deframer.Next(&message), Result::kError);
}

TEST(MessageDeframerTest, ACompressedFlagIsAnInternalError) {
  std::string_view message;
  MessageDeframer compressed(100);
  compressed.Append(std::string("\1\0\0\0\0", 5));
  EXPECT_EQ(compressed.Next(&message), Result::kError);
  EXPECT_EQ(compressed.error().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(compressed.error().message(),
            "grpc: compressed flag set with identity or empty encoding");
  MessageDeframer strange(100);
  strange.Append(std::string("\2\0\0\0\0", 5));
  EXPECT_EQ(strange.Next(&message), Result::kError);
  EXPECT_EQ(strange.error().message(), "grpc: received unexpected payload format 2");
}

TEST(MessageDeframerTest, TheLargestLengthOnTheWireIsNotMistakenForASmallOne) {
  MessageDeframer deframer(2 << 20);
  deframer.Append(std::string("\0\xff\xff\xff\xff", 5));
  EXPECT_EQ(deframer.CheckPrefix().message(),
            "grpc: received message larger than max (4294967295 vs. 2097152)");
}

}  // namespace
}  // namespace keelson::server
