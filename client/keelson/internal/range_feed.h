// The pairs of one RangeStream call, taken piece by piece, with little read ahead.
//
//   Open() --first message--> flowing --all that the member has counted--> whole
//      |                         |
//      +-----failure, silence----+--> over: Next() tells why; the reader goes on with a page
//
// A piece is a message, or a part of one where that has more than a page may have. The next message
// is asked for while less than a page waits to be taken, so what is held is less than a page and
// one message.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/keelson/internal/core.h"
#include "client/keelson/internal/view.h"
#include "client/keelson/kv_types.h"

namespace keelson::client::internal {

struct RangeFeedOptions {
  KeyRange range;       // in the view's names
  GetOptions get = {};  // of a revision that is known to exist
  int64_t max_pairs = 0;
  size_t max_bytes = 0;
};

class RangeFeed : public std::enable_shared_from_this<RangeFeed> {
 public:
  struct Piece {
    std::vector<KeyValue> kvs = {};
    bool last = false;
  };

  // Thread-safe:
  // -----------------------------------------------------------------------------------
  static std::shared_ptr<RangeFeed> Open(std::shared_ptr<Core> core, ViewPtr view,
                                         const RangeFeedOptions& options);
  RangeFeed(std::shared_ptr<Core> core, ViewPtr view, const RangeFeedOptions& options);

  // The next pairs. A member that says nothing for `patience` is given up. REQUIRES: the result of
  // the last Next has come, and was not the last piece.
  Future<Piece> Next(absl::Duration patience);
  // Nobody takes any more.
  void Stop();

  // On the client's thread:
  // ------------------------------------------------------------------------
  // Whether the member has answered at all.
  bool has_flowed() const { return has_flowed_; }

 private:
  using State = FutureState<Piece>;

  void Begin(std::string request);
  void Serve(std::shared_ptr<State> taker, absl::Duration patience);
  // Gives what is ready to the taker. REQUIRES: both are there.
  void Hand();
  void Pull();
  void OnMessage(const std::string& bytes);
  void Cut(GetResult result);
  void OnEnd(const CallEnd& end);
  void GiveUp(absl::Status why);
  void Answer(absl::StatusOr<Piece> piece);

  const std::shared_ptr<Core> core_;
  const ViewPtr view_;
  const int64_t revision_;
  const int64_t max_pairs_;
  const size_t max_bytes_;

  // The client's thread only:
  std::string endpoint_;
  std::shared_ptr<Stream> stream_;  // null once the call is over, or all has come
  bool pulling_ = false;            // a message was asked for
  bool has_flowed_ = false;
  int64_t received_ = 0;  // pairs
  std::deque<Piece> ready_;
  size_t ready_bytes_ = 0;
  absl::Status over_;  // why nothing follows what is ready
  std::shared_ptr<State> taker_;
  Scheduler::TimerId silence_ = Scheduler::kNoTimer;
};

}  // namespace keelson::client::internal
