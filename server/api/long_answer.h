// Answers a call from a source, beside the loop: the read lane makes one slice after the other, the
// loop sends the parts as fast as the client takes them.
//
//            +-------------- Measure: false ---------------+
//            v                                             |
//  Start -> slice on the read lane -> back on the loop ----+-- size known: header, then the parts
//            ^                                             |
//            |   the client has taken what waited          v
//            +----------------- OnWritable <------------ above the high-water mark
//
// The slices of several answers take turns on the lane. A client that goes away, or is too slow
// (SlowClient), ends its answer; the view that it pins is let go on the lane.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/api/answer_source.h"
#include "server/api/call.h"
#include "server/api/slow_client.h"
#include "server/node/seams.h"

namespace etcdserverpb {
class ResponseHeader;
}

namespace keelson::server {

// Loop thread only, but for the source's work. Lives until its call is over.
class LongAnswer : public std::enable_shared_from_this<LongAnswer> {
 public:
  struct Hooks {
    // Hears how long the reading took, once the size is known.
    std::function<void(Duration took)> on_read;
    SlowClient::Compacted compacted;
  };

  // Answers `call` from `source`; `header` is the response's. REQUIRES: the call's events are not
  // set yet. `loop` and `runner` outlive the call.
  static void Start(Loop& loop, Runner& runner, std::shared_ptr<Call> call,
                    std::unique_ptr<AnswerSource> source,
                    const etcdserverpb::ResponseHeader& header, Hooks hooks);

 private:
  struct Slice;

  LongAnswer(Loop& loop, Runner& runner, std::shared_ptr<Call> call,
             std::unique_ptr<AnswerSource> source, const etcdserverpb::ResponseHeader& header,
             Hooks hooks);

  void Listen();
  void RunSlice();
  void AfterSlice(Slice& slice);
  absl::Status TakeSize();
  void SendPart(AnswerSource::Part part);
  void OnWritable();
  void End(const absl::Status& status);
  void LetGo();

  Loop& loop_;
  Runner& runner_;
  SlowClient slow_client_;
  const std::function<void(Duration took)> on_read_;
  const Instant began_;
  std::shared_ptr<Call> call_;  // null once the call is over
  std::shared_ptr<AnswerSource> source_;
  std::string head_;      // the header field, until it is sent
  bool running_ = false;  // a slice is on the lane
  bool size_known_ = false;
  bool begun_ = false;  // the message is begun
  size_t left_ = 0;     // its bytes that are not sent yet
};

}  // namespace keelson::server
