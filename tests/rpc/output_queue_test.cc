#include "server/rpc/output_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "server/rpc/stream_body.h"

namespace keelson::server {
namespace {

// Drains `out` in steps of `step` bytes.
std::string Drain(OutputQueue* out, size_t step) {
  std::string result;
  std::array<std::string_view, 4> views;
  while (!out->empty()) {
    EXPECT_GT(out->Gather(views), 0u);
    const std::string_view part = views[0].substr(0, step);
    result.append(part);
    out->Consume(part.size());
  }
  return result;
}

TEST(OutputQueueTest, BytesLeaveInTheOrderTheyCame) {
  BlockPool pool;
  const auto shared = std::make_shared<const std::string>(std::string(9000, 's'));
  for (size_t step : {1u, 7u, 4096u, 100'000u}) {
    OutputQueue out(pool);
    std::string expected;
    for (int i = 0; i < 40; ++i) {
      const std::string piece(static_cast<size_t>(i * 97), static_cast<char>('a' + i % 26));
      out.Append(piece);
      expected += piece;
      out.AppendShared(shared, 10, 5000);
      expected += shared->substr(10, 5000);
      out.AppendShared(shared, 20, 10);
      expected += shared->substr(20, 10);
    }
    EXPECT_EQ(out.size(), expected.size());
    EXPECT_EQ(Drain(&out, step), expected) << "step " << step;
  }
}

TEST(OutputQueueTest, GatheredViewsStayValidWhileMoreIsAppended) {
  BlockPool pool;
  OutputQueue out(pool);
  out.Append("first");
  std::array<std::string_view, 64> views;
  ASSERT_EQ(out.Gather(views), 1u);
  const char* before = views[0].data();
  for (int i = 0; i < 1000; ++i) out.Append(std::string(1000, 'x'));
  EXPECT_EQ(views[0].data(), before);
  EXPECT_EQ(views[0].substr(0, 5), "first");
}

TEST(OutputQueueTest, LargeSharedBytesAreNotCopied) {
  BlockPool pool;
  OutputQueue out(pool);
  const auto shared = std::make_shared<const std::string>(std::string(100'000, 's'));
  out.AppendShared(shared, 0, shared->size());
  std::array<std::string_view, 2> views;
  ASSERT_EQ(out.Gather(views), 1u);
  EXPECT_EQ(views[0].data(), shared->data());
  EXPECT_EQ(shared.use_count(), 2);
  out.Clear();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(StreamBodyTest, TakingInAnyStepsGivesTheSameBytes) {
  BlockPool pool;
  const auto tail = std::make_shared<const std::string>(std::string(10'000, 't'));
  for (size_t step : {1u, 3u, 1000u, 16'384u}) {
    StreamBody body;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
      body.Append("head" + std::to_string(i));
      body.AppendShared(i % 10 == 0 ? tail : nullptr);
      body.Append(std::string());
      expected += "head" + std::to_string(i) + (i % 10 == 0 ? *tail : "");
    }
    EXPECT_EQ(body.size(), expected.size());
    OutputQueue out(pool);
    while (!body.empty()) body.Take(std::min(step, body.size()), out);
    EXPECT_EQ(Drain(&out, 1 << 20), expected);
    EXPECT_EQ(tail.use_count(), 1);
  }
}

}  // namespace
}  // namespace keelson::server
