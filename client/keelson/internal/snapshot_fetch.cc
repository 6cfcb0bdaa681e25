#include "client/keelson/internal/snapshot_fetch.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::client::internal {
namespace {

// Messages that may wait for the sink.
constexpr int kAhead = 16;

// What the transport has brought and the caller has not taken.
class Inbox {
 public:
  StreamEvents Events(const std::shared_ptr<Inbox>& self) {
    return {.on_message = [self](std::string bytes) { self->Add(std::move(bytes)); },
            .on_end = [self](const CallEnd& end) { self->End(end.status); }};
  }

  // The next message, or why there is none.
  absl::StatusOr<std::string> Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !messages_.empty() || ended_; });
    if (messages_.empty()) return *ended_;
    std::string message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

 private:
  void Add(std::string bytes) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(bytes));
    changed_.notify_one();
  }
  void End(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    ended_ = status.ok() ? absl::UnavailableError("the member ended the stream") : status;
    changed_.notify_one();
  }

  std::mutex mutex_;  // guards all
  std::condition_variable changed_;
  std::deque<std::string> messages_;
  std::optional<absl::Status> ended_;
};

// Takes the messages of a snapshot: data until none remains, then the checksum.
class Assembly {
 public:
  explicit Assembly(const Maintenance::SnapshotSink& sink) : sink_(sink) {}

  absl::Status Add(const std::string& bytes) {
    etcdserverpb::SnapshotResponse response;
    if (!response.ParseFromString(bytes)) {
      return absl::InternalError("the member's answer can't be decoded");
    }
    if (!data_over_) {
      sha_.Add(response.blob());
      data_over_ = response.remaining_bytes() == 0;
    } else {
      complete_ = true;
      if (sha_.Finish() != response.blob()) {
        return absl::DataLossError("the snapshot that came does not fit its checksum");
      }
    }
    return sink_(response.blob(), response.remaining_bytes());
  }
  bool complete() const { return complete_; }

 private:
  const Maintenance::SnapshotSink& sink_;
  Sha256 sha_;
  bool data_over_ = false;
  bool complete_ = false;
};

}  // namespace

absl::Status FetchSnapshot(Core& core, const std::string& endpoint,
                           const Maintenance::SnapshotSink& sink, const CallOptions& call) {
  if (core.scheduler().InLoop()) {
    return absl::FailedPreconditionError(
        "a blocking call from a callback of the client would never return; hand the work to a "
        "thread of your own");
  }
  const auto inbox = std::make_shared<Inbox>();
  CallStart start{.endpoint = endpoint, .method = "/etcdserverpb.Maintenance/Snapshot"};
  if (call.timeout != absl::ZeroDuration()) start.timeout = call.timeout;
  const std::shared_ptr<Stream> stream =
      core.transport().OpenStream(std::move(start), inbox->Events(inbox));
  stream->SendLast(etcdserverpb::SnapshotRequest().SerializeAsString());
  for (int i = 0; i < kAhead; ++i) stream->Read();
  Assembly assembly(sink);
  absl::Status status;
  while (status.ok() && !assembly.complete()) {
    const auto message = inbox->Take();
    status = message.ok() ? assembly.Add(*message)
                          : absl::Status(message.status().code(),
                                         absl::StrCat(endpoint, ": ", message.status().message()));
    stream->Read();
  }
  stream->Cancel();
  return status;
}

}  // namespace keelson::client::internal
