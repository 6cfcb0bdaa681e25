#include "server/peer/frame_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "server/peer/codec.h"
#include "server/peer/peer_url.h"
#include "tests/peer/messages.h"

namespace keelson::server {
namespace {

std::string ProposalFrame(size_t payload_bytes) {
  ScatterList out;
  EXPECT_TRUE(EncodeFrame(
      ForwardProposal{payload_bytes, std::make_shared<const std::string>(payload_bytes, 'x')},
      out));
  return out.ToString();
}

size_t Feed(FrameReader& reader, std::string_view bytes) {
  const absl::Span<char> space = reader.Space();
  EXPECT_FALSE(space.empty());
  const size_t count = std::min(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), count);
  reader.Filled(count);
  return count;
}

TEST(FrameReader, CutsFramesOutOfAnyDivisionOfTheStream) {
  std::mt19937_64 random(7);
  std::string stream;
  std::vector<std::string> frames;
  for (const size_t bytes : {0, 1, 100, 5000, 70'000, 3, 3'000'000, 200'000, 10}) {
    frames.push_back(ProposalFrame(bytes));
    stream += frames.back();
  }
  for (const size_t most : {size_t{1} << 30, size_t{60'000}, size_t{777}}) {
    FrameReader reader;
    size_t next = 0;
    for (size_t at = 0; at < stream.size();) {
      at += Feed(reader, std::string_view(stream).substr(at, 1 + random() % most));
      while (true) {
        const auto frame = reader.NextFrame();
        ASSERT_TRUE(frame.ok());
        if (frame->empty()) break;
        ASSERT_LT(next, frames.size());
        ASSERT_EQ(*frame, frames[next++]);
      }
    }
    EXPECT_EQ(next, frames.size());
  }
}

TEST(FrameReader, ALengthThatIsOnlyPromisedTakesNoMemory) {
  FrameReader reader;
  const std::string frame = ProposalFrame(32 << 20);
  Feed(reader, std::string_view(frame).substr(0, 1000));
  ASSERT_TRUE(reader.NextFrame().ok());
  EXPECT_LE(reader.Space().size(), FrameReader::kInitialBytes);
}

TEST(FrameReader, GivesBackTheMemoryOfALargeFrame) {
  FrameReader reader;
  const std::string frame = ProposalFrame(5 << 20);
  for (size_t at = 0; at < frame.size();) at += Feed(reader, std::string_view(frame).substr(at));
  EXPECT_EQ(reader.NextFrame()->size(), frame.size());
  EXPECT_EQ(reader.Space().size(), FrameReader::kInitialBytes);
}

TEST(FrameReader, RefusesALengthOutOfBounds) {
  FrameReader reader;
  Feed(reader, std::string(kFrameHeadBytes, '\xff'));
  EXPECT_FALSE(reader.NextFrame().ok());
}

TEST(PeerUrl, TakesAHostAndAPort) {
  EXPECT_EQ(*ParsePeerUrl("http://10.0.0.1:2380"), (PeerUrl{"10.0.0.1", 2380}));
  EXPECT_EQ(*ParsePeerUrl("http://node-1.example:1/"), (PeerUrl{"node-1.example", 1}));
  EXPECT_EQ(*ParsePeerUrl("http://[::1]:2380"), (PeerUrl{"::1", 2380}));
  EXPECT_EQ(FormatPeerUrl({"::1", 2380}), "http://[::1]:2380");
  EXPECT_EQ(FormatPeerUrl({"a", 2}), "http://a:2");
}

TEST(PeerUrl, RefusesWhatItCannotDialAndNamesIt) {
  for (const char* url :
       {"", "10.0.0.1:2380", "https://a:1", "http://", "http://a", "http://a:", "http://a:b",
        "http://a:65536", "http://a:-1", "http://a:1:2", "http://::1:2380", "http://:1",
        "http://a/b:1", "http://u@a:1", "http://a:1/path", "http://a: 1"}) {
    const auto parsed = ParsePeerUrl(url);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_NE(std::string(parsed.status().message()).find(url), std::string::npos);
  }
}

}  // namespace
}  // namespace keelson::server
