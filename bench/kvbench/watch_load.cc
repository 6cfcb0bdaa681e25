#include "bench/kvbench/watch_load.h"

#include <algorithm>
#include <utility>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/keyspace.h"
#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

constexpr int64_t kStepInterval = 20 * kNanosPerMilli;

}  // namespace

void StuckReader::OnUp(size_t) {
  std::string create;
  EncodeWatchCreate(prefix_, PrefixEnd(prefix_), create);
  channel_.h2().Open({.method = Method::kWatch, .tag = 0, .half_close = false}, create);
  channel_.Flush();
}

void StuckReader::OnMessage(uint64_t, std::string_view) {
  stuck_ = true;
  channel_.StopReading();
}

WatchLoad::WatchLoad(WatchPlan plan, Poller* poller)
    : plan_(std::move(plan)), poller_(poller), keys_(plan_.keys, 1, 0, 1) {
  streams_.resize(plan_.streams);
  for (Stream& stream : streams_) stream.last_revision.resize(plan_.watchers, 0);
}

void WatchLoad::Connect() {
  deadline_ = NowNanos() + plan_.timeout;
  const size_t connections = std::min(plan_.connections, plan_.streams);
  for (size_t i = 0; i < connections; ++i) {
    channels_.push_back(std::make_unique<Channel>(i, poller_, this, this));
    channels_.back()->Connect(plan_.targets[i % plan_.targets.size()]);
  }
  for (uint64_t i = 0; i < plan_.stuck; ++i) {
    stuck_.push_back(std::make_unique<StuckReader>(plan_.prefix, poller_));
    stuck_.back()->Connect(plan_.targets[i % plan_.targets.size()]);
  }
}

bool WatchLoad::ready() const {
  if (created_ != plan_.streams * plan_.watchers) return false;
  return std::all_of(stuck_.begin(), stuck_.end(),
                     [](const auto& reader) { return reader->ready(); });
}

std::string WatchLoad::CreateOf(uint64_t stream, uint64_t watcher) {
  std::string create;
  if (plan_.own_keys) {
    EncodeWatchCreate(keys_.Key(stream * plan_.watchers + watcher), "", create);
  } else {
    EncodeWatchCreate(plan_.prefix, PrefixEnd(plan_.prefix), create);
  }
  return create;
}

// Opens the streams of this connection: those with index = channel (mod connections).
void WatchLoad::OnUp(size_t channel) {
  H2Connection& h2 = channels_[channel]->h2();
  for (size_t i = channel; i < streams_.size(); i += channels_.size()) {
    if (!h2.CanOpen()) return Problem("the server allows too few streams per connection");
    streams_[i].id =
        h2.Open({.method = Method::kWatch, .tag = i, .half_close = false}, CreateOf(i, 0));
    for (uint64_t extra = 1; extra < plan_.watchers; ++extra) {
      h2.Send(streams_[i].id, CreateOf(i, extra));
    }
  }
  channels_[channel]->Flush();
}

void WatchLoad::OnDown(size_t, const std::string& reason) {
  Problem(Concat("watch connection lost: ", reason));
}

void WatchLoad::Problem(const std::string& what) {
  ++stats_.broken;
  if (stats_.first_problem.empty()) stats_.first_problem = what;
}

void WatchLoad::Measure(const RunStats* puts, std::function<bool()> load_done) {
  puts_ = puts;
  load_done_ = std::move(load_done);
  done_ = false;
  deadline_ = kNever;
}

uint64_t WatchLoad::DeliveriesOfOnePut() const {
  return plan_.own_keys ? 1 : plan_.streams * plan_.watchers;
}

uint64_t WatchLoad::Expected() const {
  return (puts_->ok_total() - puts_->of(OpKind::kPut).unwatched) * DeliveriesOfOnePut();
}

uint64_t WatchLoad::LagInPuts() const {
  const uint64_t expected = Expected();
  if (expected <= stats_.delivered_total) return 0;
  return (expected - stats_.delivered_total) / DeliveriesOfOnePut();
}

void WatchLoad::Step(int64_t now) {
  if (done_) return;
  for (const auto& channel : channels_) channel->Flush();
  for (const auto& reader : stuck_) reader->Flush();
  if (puts_ == nullptr) {
    done_ = ready() || stats_.broken > 0 || now > deadline_;
    return;
  }
  if (!load_done_()) return;
  if (deadline_ == kNever) deadline_ = now + plan_.timeout;
  const uint64_t expected = Expected();
  if (stats_.delivered_total < expected && now < deadline_ && stats_.broken == 0) return;
  stats_.missing = expected - std::min(expected, stats_.delivered_total);
  done_ = true;
}

int64_t WatchLoad::NextWake() const { return NowNanos() + kStepInterval; }

void WatchLoad::OnMessage(uint64_t tag, std::string_view message) {
  const int64_t now = NowNanos();
  Stream& stream = streams_[tag];
  stats_.bytes += message.size();
  const auto result = DecodeWatch(message, [&](const WatchEvent& event) {
    const auto watcher = static_cast<size_t>(event.watch_id);
    if (watcher >= stream.last_revision.size()) return Problem("event for an unknown watch id");
    OnEvent(stream.last_revision[watcher], now, event);
  });
  if (!result) return Problem("malformed watch answer");
  if (result->created) ++created_;
  if (result->canceled) {
    Problem(Concat("watcher cancelled: ", result->cancel_reason,
                   " compact_revision=", result->compact_revision));
  }
}

void WatchLoad::OnEvent(int64_t& last_revision, int64_t now, const WatchEvent& event) {
  if (event.mod_revision <= last_revision) ++stats_.out_of_order;
  last_revision = event.mod_revision;
  ++stats_.delivered_total;
  if (puts_ == nullptr) return;
  const Window& window = puts_->window;
  if (window.Contains(now)) ++stats_.delivered;
  const int64_t stamp = StampOf(event.value);
  if (window.Contains(stamp)) stats_.latency.Record(now - stamp);
}

void WatchLoad::OnChunk(uint64_t, std::string_view) {}

void WatchLoad::OnClosed(uint64_t, const GrpcStatus& status) {
  Problem(Concat("watch stream ended: ", StatusCodeName(status.code), " ", status.message));
}

}  // namespace keelson::kvbench
