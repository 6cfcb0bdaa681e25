// Answers a call with a stream of messages that are made beside the loop, no faster than the client
// takes them.
//
//   Open --Begin--> Next on the read lane --> its messages are sent --last one--> OK
//                     ^                        |
//                     |  the client has taken  v
//                     +------- what waited --- above the high-water mark
//
// A client that goes away, or is too slow (SlowClient), ends its call; the source is let go on the
// lane.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/call.h"
#include "server/api/slow_client.h"
#include "server/node/seams.h"

namespace keelson::server {

// Makes the messages of one stream. May be used from any thread, by one at a time.
class MessageSource {
 public:
  struct Batch {
    std::vector<std::string> messages;  // may be empty: there was much to do before the next one
    bool last = false;                  // no further ones
  };

  virtual ~MessageSource() = default;
  // Works for one slice. Errors are the wire's, and end the stream.
  virtual absl::StatusOr<Batch> Next() = 0;
};

// Loop thread only, but for the source's work. Lives until its call is over.
class PacedStream : public std::enable_shared_from_this<PacedStream> {
 public:
  // Takes the call, which waits. REQUIRES: its events are not set; `loop` and `runner` outlive it.
  static std::shared_ptr<PacedStream> Open(Loop& loop, Runner& runner, std::shared_ptr<Call> call);

  // Starts sending, once. Where the call is over already the source is let go.
  void Begin(std::unique_ptr<MessageSource> source, SlowClient::Compacted compacted = {});
  // Ends the call with an error, instead of Begin.
  void Fail(const absl::Status& error);

 private:
  PacedStream(Loop& loop, Runner& runner, std::shared_ptr<Call> call)
      : runner_(runner), slow_client_(loop), call_(std::move(call)) {}

  void Listen();
  void Make();
  void SendAll(absl::StatusOr<MessageSource::Batch> batch);
  void OnWritable();
  void End(const absl::Status& status);
  void LetGo();

  Runner& runner_;
  SlowClient slow_client_;
  std::shared_ptr<Call> call_;  // null once it is over
  std::shared_ptr<MessageSource> source_;
  bool making_ = false;
};

}  // namespace keelson::server
