#include "bench/kvbench/unary.h"

#include "bench/kvbench/clock.h"
#include "bench/kvbench/text.h"

namespace keelson::kvbench {

UnaryClient::UnaryClient(Endpoint endpoint)
    : endpoint_(std::move(endpoint)), channel_(0, &poller_, this, this) {}

absl::StatusOr<std::string> UnaryClient::Call(Method method, std::string_view message,
                                              int64_t deadline) {
  ++call_;
  closed_ = false;
  answer_.clear();
  if (channel_.down()) channel_.Connect(endpoint_);
  while (!channel_.up() && !channel_.down() && NowNanos() < deadline) poller_.Wait(deadline);
  if (!channel_.up()) {
    channel_.Disconnect("no connection in time");
    return Failed(down_reason_);
  }
  if (!channel_.h2().CanOpen()) {
    channel_.Disconnect("server is going away");
    return Failed(down_reason_);
  }
  const uint32_t stream = channel_.h2().Open({.method = method, .tag = call_}, message);
  channel_.Flush();
  while (!closed_ && NowNanos() < deadline) poller_.Wait(deadline);
  if (!closed_) {
    if (!channel_.down()) channel_.h2().Cancel(stream);
    return Failed("no answer in time");
  }
  if (status_.code != kOk) {
    return Failed(Concat(StatusCodeName(status_.code), ": ", status_.message));
  }
  return answer_;
}

absl::Status UnaryClient::Failed(std::string_view reason) const {
  return absl::UnavailableError(Concat(endpoint_.ToString(), ": ", reason));
}

void UnaryClient::OnMessage(uint64_t tag, std::string_view message) {
  if (tag == call_) answer_.assign(message);
}

void UnaryClient::OnChunk(uint64_t, std::string_view) {}

void UnaryClient::OnClosed(uint64_t tag, const GrpcStatus& status) {
  if (tag != call_) return;
  closed_ = true;
  status_ = status;
}

void UnaryClient::OnUp(size_t) {}

void UnaryClient::OnDown(size_t, const std::string& reason) { down_reason_ = reason; }

}  // namespace keelson::kvbench
