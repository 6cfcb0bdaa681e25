#include "bench/kvbench/grpc_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keelson::kvbench {
namespace {

std::string Framed(const std::vector<std::string>& messages) {
  std::string bytes;
  for (const std::string& message : messages) {
    bytes.push_back('\0');
    h2::Append32(static_cast<uint32_t>(message.size()), bytes);
    bytes += message;
  }
  return bytes;
}

const std::vector<std::string>& Sample() {
  static const auto* const kSample =
      new std::vector<std::string>{"one", "", std::string(300, 'x'), "y", std::string(17, 'z')};
  return *kSample;
}

TEST(GrpcReaderTest, MessagesAreTheSameHoweverTheStreamIsCut) {
  const std::string bytes = Framed(Sample());
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    GrpcReader reader;
    std::string scratch;
    std::vector<std::string> got;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      std::string_view part = std::string_view(bytes).substr(at, piece);
      std::string_view message;
      while (reader.Next(part, scratch, message)) got.emplace_back(message);
      EXPECT_TRUE(part.empty());
    }
    EXPECT_EQ(got, Sample()) << piece;
  }
}

TEST(GrpcReaderTest, ChunksAddUpToTheMessages) {
  const std::string bytes = Framed(Sample());
  std::string wanted;
  for (const std::string& message : Sample()) wanted += message;
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    GrpcReader reader;
    std::string got;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      std::string_view part = std::string_view(bytes).substr(at, piece);
      std::string_view chunk;
      while (reader.NextChunk(part, chunk)) got.append(chunk);
      EXPECT_TRUE(part.empty());
    }
    EXPECT_EQ(got, wanted) << piece;
  }
}

}  // namespace
}  // namespace keelson::kvbench
