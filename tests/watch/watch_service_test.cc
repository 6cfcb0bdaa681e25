// The Watch call: from bytes to the hub and back.
#include "server/api/watch_service.h"

#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using etcdserverpb::WatchRequest;

class FakeCall final : public Call {
 public:
  const CallContext& context() const override { return context_; }
  void SetEvents(Events events) override { events_ = std::move(events); }
  void AddMetadata(std::string_view, std::string_view) override {}
  void AddTrailer(std::string_view, std::string_view) override {}
  void Send(SharedBody body) override {
    ASSERT_FALSE(finished_.has_value());
    pending_ += held_ ? body.size() : 0;
    std::string bytes = body.head;
    if (body.tail != nullptr) bytes += *body.tail;
    ASSERT_TRUE(responses_.emplace_back().ParseFromString(bytes));
  }
  void SendPart(SharedBody, size_t) override { FAIL() << "responses of watches are sent whole"; }
  void Finish(const absl::Status& status) override {
    ASSERT_FALSE(finished_.has_value());
    finished_ = status;
    events_ = {};
  }
  size_t pending_bytes() const override { return pending_; }
  void PauseReading(bool paused) override { paused_ = paused; }

  CallContext context_{
      .method = "/etcdserverpb.Watch/Watch", .peer = "", .metadata = {}, .deadline = {}};
  Events events_;
  std::deque<etcdserverpb::WatchResponse> responses_;
  std::optional<absl::Status> finished_;
  bool held_ = false;
  size_t pending_ = 0;
  bool paused_ = false;
};

class WatchServiceTest : public WatchFixture {
 protected:
  // Calls and sessions hold each other until a call is over.
  void TearDown() override { hub().EndAll(absl::UnavailableError("etcdserver: server stopped")); }

  std::shared_ptr<FakeCall> Begin(std::vector<std::pair<std::string, std::string>> metadata = {}) {
    service_ = std::make_unique<WatchService>(hub(), WatchService::Hooks{.permit = permit_});
    auto call = std::make_shared<FakeCall>();
    call->context_.metadata = std::move(metadata);
    service_->WatchMethod().start(call, {});
    return call;
  }
  static void Ask(FakeCall& call, const WatchRequest& request) {
    call.events_.on_message(request.SerializeAsString());
  }
  static WatchRequest CreateOf(const std::string& key, int64_t id = 0) {
    WatchRequest request;
    request.mutable_create_request()->set_key(key);
    request.mutable_create_request()->set_watch_id(id);
    return request;
  }

  std::function<absl::Status(const CallContext&, const WatchRequestCreate&)> permit_;
  std::unique_ptr<WatchService> service_;
};

TEST_F(WatchServiceTest, IsABidirectionalStreamUnderItsPath) {
  Begin();
  EXPECT_EQ(service_->WatchMethod().path, "/etcdserverpb.Watch/Watch");
  EXPECT_EQ(service_->WatchMethod().kind, Method::Kind::kBidi);
}

TEST_F(WatchServiceTest, RequestsReachTheHubWithEveryField) {
  const auto call = Begin();
  WatchRequest request;
  auto* create = request.mutable_create_request();
  create->set_key("a");
  create->set_range_end("c");
  create->set_start_revision(2);
  create->set_watch_id(8);
  create->set_prev_kv(true);
  create->add_filters(etcdserverpb::WatchCreateRequest::NODELETE);
  Put("b", "1");
  Put("b", "2");
  Delete("b");
  Ask(*call, request);
  Settle();
  ASSERT_EQ(call->responses_.size(), 2u);
  EXPECT_EQ(call->responses_[0].watch_id(), 8);
  ASSERT_EQ(call->responses_[1].events_size(), 2);
  EXPECT_EQ(call->responses_[1].events(1).prev_kv().value(), "1");
}

TEST_F(WatchServiceTest, CancelAndProgressReachTheHub) {
  const auto call = Begin();
  Ask(*call, CreateOf("a", 3));
  WatchRequest progress;
  progress.mutable_progress_request();
  Ask(*call, progress);
  Settle();
  WatchRequest cancel;
  cancel.mutable_cancel_request()->set_watch_id(3);
  Ask(*call, cancel);
  ASSERT_EQ(call->responses_.size(), 3u);
  EXPECT_EQ(call->responses_[1].watch_id(), -1);
  EXPECT_TRUE(call->responses_[2].canceled());
}

TEST_F(WatchServiceTest, UnknownFiltersAndEmptyRequestsAreIgnored) {
  const auto call = Begin();
  Ask(*call, WatchRequest());
  WatchRequest request = CreateOf("a");
  request.mutable_create_request()->add_filters(
      static_cast<etcdserverpb::WatchCreateRequest::FilterType>(17));
  Ask(*call, request);
  Put("a");
  Delete("a");
  Settle();
  ASSERT_EQ(call->responses_.size(), 2u);
  EXPECT_EQ(call->responses_[1].events_size(), 2);
}

TEST_F(WatchServiceTest, UndecodableMessageEndsTheCallAsInternal) {
  const auto call = Begin();
  Ask(*call, CreateOf("a"));
  call->events_.on_message("\xff\xff\xff");
  ASSERT_TRUE(call->finished_.has_value());
  EXPECT_EQ(call->finished_->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(hub().counters().streams, 0u);
  Put("a");
  Settle();
}

TEST_F(WatchServiceTest, HalfCloseDoesNotEndTheStream) {
  const auto call = Begin();
  Ask(*call, CreateOf("a"));
  if (call->events_.on_half_close) call->events_.on_half_close();
  Put("a");
  Settle();
  EXPECT_FALSE(call->finished_.has_value());
  EXPECT_EQ(call->responses_.size(), 2u);
}

TEST_F(WatchServiceTest, EndOfTheCallForgetsTheStream) {
  const auto call = Begin();
  Ask(*call, CreateOf("a"));
  call->events_.on_end();
  EXPECT_EQ(hub().counters().streams, 0u);
  Put("a");
  Settle();
  EXPECT_EQ(call->responses_.size(), 1u);
  EXPECT_FALSE(call->finished_.has_value());
}

TEST_F(WatchServiceTest, CallThatRequiresALeaderEndsWhenItIsLost) {
  const auto requires_one = Begin({{"hasleader", "true"}});
  const auto lives_on = Begin({{"hasleader", "false"}});
  hub().OnNoLeaderFor3Timeouts();
  EXPECT_TRUE(requires_one->finished_.has_value());
  EXPECT_FALSE(lives_on->finished_.has_value());
}

TEST_F(WatchServiceTest, RefusedRightIsToldAsGoClientsExpectIt) {
  permit_ = [](const CallContext&, const WatchRequestCreate& create) {
    return create.key == "secret" ? absl::PermissionDeniedError("etcdserver: permission denied")
                                  : absl::OkStatus();
  };
  const auto call = Begin();
  Ask(*call, CreateOf("secret"));
  Ask(*call, CreateOf("open"));
  ASSERT_EQ(call->responses_.size(), 2u);
  EXPECT_TRUE(call->responses_[0].canceled());
  EXPECT_EQ(call->responses_[0].cancel_reason(),
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied");
  EXPECT_FALSE(call->responses_[1].canceled());
}

TEST_F(WatchServiceTest, ReaderThatDoesNotReadIsNotListenedToUntilItDoes) {
  const auto call = Begin();
  Ask(*call, CreateOf("a"));
  call->held_ = true;
  call->pending_ = Call::kHighWater;
  Put("a");
  Settle();
  EXPECT_EQ(call->responses_.size(), 1u);
  EXPECT_FALSE(call->paused_);
  Ask(*call, CreateOf("b"));
  EXPECT_TRUE(call->paused_);
  call->pending_ = 0;
  call->events_.on_writable();
  EXPECT_FALSE(call->paused_);
  Settle();
  EXPECT_EQ(call->responses_.size(), 3u);
}

}  // namespace
}  // namespace keelson::server
