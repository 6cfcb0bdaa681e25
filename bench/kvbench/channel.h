// One TCP connection with gRPC on it, reconnectable. The calls on it are made through h2().
//
//   [down] --Connect()--> [connecting] --writable--> [up] --error, end of file--> [down]
//                              +--refused--> [down]
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/kvbench/h2_connection.h"
#include "bench/kvbench/poller.h"

namespace keelson::kvbench {

struct Endpoint {
  std::string host;
  uint16_t port = 0;

  std::string ToString() const { return host + ":" + std::to_string(port); }
};

// "host:port" or "http://host:port"; several separated by commas.
absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(std::string_view text);

class ChannelOwner {
 public:
  virtual ~ChannelOwner() = default;
  virtual void OnUp(size_t channel) = 0;
  // Every call on it has been ended with kConnectionLost before.
  virtual void OnDown(size_t channel, const std::string& reason) = 0;
};

// Used by the poller's thread.
class Channel : public PollTarget {
 public:
  // `index` is given back to the owner. All pointers outlive the channel.
  Channel(size_t index, Poller* poller, StreamHandler* handler, ChannelOwner* owner);
  ~Channel() override;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Starts to connect, dropping what was there. A failure is reported by OnDown, possibly before
  // this returns.
  void Connect(const Endpoint& endpoint);
  void Disconnect(const std::string& reason);

  // Takes nothing from the socket any more, until the next Connect.
  void StopReading();

  bool up() const { return state_ == State::kUp; }
  bool down() const { return state_ == State::kDown; }
  // REQUIRES: not down.
  H2Connection& h2() { return *h2_; }
  // Writes what h2() has to say. Call once after a batch of calls.
  void Flush();

  void OnEvents(uint32_t events) override;

 private:
  enum class State { kDown, kConnecting, kUp };

  bool FinishConnect();
  bool Read();
  void Watch(bool writable);
  uint32_t Interest() const;

  const size_t index_;
  Poller* const poller_;
  StreamHandler* const handler_;
  ChannelOwner* const owner_;
  State state_ = State::kDown;
  int fd_ = -1;
  bool wants_write_ = false;
  bool reads_ = true;
  size_t written_ = 0;   // of h2_->output()
  size_t buffered_ = 0;  // received bytes kept in `buffer_`
  std::unique_ptr<H2Connection> h2_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace keelson::kvbench
