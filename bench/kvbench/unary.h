// One call at a time, waiting for the answer: status, compaction, scans, probes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bench/kvbench/channel.h"
#include "bench/kvbench/poller.h"

namespace keelson::kvbench {

// Connects at the first call and again after a failure. Used by one thread.
class UnaryClient : private StreamHandler, private ChannelOwner {
 public:
  explicit UnaryClient(Endpoint endpoint);

  // The answer, or Unavailable with endpoint and reason. Gives up at `deadline` (NowNanos()).
  absl::StatusOr<std::string> Call(Method method, std::string_view message, int64_t deadline);

 private:
  void OnMessage(uint64_t tag, std::string_view message) override;
  void OnChunk(uint64_t tag, std::string_view part) override;
  void OnClosed(uint64_t tag, const GrpcStatus& status) override;
  void OnUp(size_t channel) override;
  void OnDown(size_t channel, const std::string& reason) override;

  absl::Status Failed(std::string_view reason) const;

  const Endpoint endpoint_;
  Poller poller_;
  Channel channel_;
  uint64_t call_ = 0;  // tag of the current call: a late answer to an older one is dropped
  bool closed_ = false;
  GrpcStatus status_;
  std::string answer_;
  std::string down_reason_;
};

}  // namespace keelson::kvbench
