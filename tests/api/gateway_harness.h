// A gateway in memory: a loop and a thread pool that the test runs, a reply that keeps what is
// said.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/api/gateway.h"
#include "server/api/methods.h"

namespace keelson::server {

// Runs what was posted when the test says so. There are no timers.
class PostedLoop final : public Loop {
 public:
  Instant Now() const override { return {}; }
  uint64_t BootNanos() const override { return 0; }
  uint64_t LiveMicros() const override { return 0; }
  TimerId After(Duration, std::function<void()>) override { return 0; }
  void Cancel(TimerId) override {}
  void Post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }

  void RunOne() {
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
  void Run() {
    while (!tasks_.empty()) RunOne();
  }
  size_t waiting() const { return tasks_.size(); }

 private:
  std::deque<std::function<void()>> tasks_;
};

class KeptReply final : public HttpReply {
 public:
  void SetEvents(Events events) override { events_ = std::move(events); }
  void Respond(HttpResponse response) override {
    if (over_) return;
    head = std::move(response);
    text = head.body;
    ++answers;
    Over();
  }
  void Begin(HttpResponse response) override {
    if (over_) return;
    head = std::move(response);
    begun = true;
  }
  void Write(std::string bytes) override {
    if (over_) return;
    text += bytes;
    pending += held ? bytes.size() : 0;
  }
  void End() override {
    if (over_) return;
    ++answers;
    Over();
  }
  size_t pending_bytes() const override { return pending; }

  // The client goes away.
  void Gone() {
    const Events events = std::exchange(events_, {});
    over_ = true;
    if (events.on_end) events.on_end();
  }
  // The client reads on.
  void TakeAll() {
    pending = 0;
    const auto on_writable = events_.on_writable;
    if (on_writable) on_writable();
  }
  bool has_events() const { return static_cast<bool>(events_.on_end); }

  std::string Field(const std::string& name) const {
    for (const auto& [key, value] : head.headers) {
      if (key == name) return value;
    }
    return "";
  }

  HttpResponse head;
  std::string text;  // the whole body
  bool begun = false;
  int answers = 0;
  bool held = false;
  size_t pending = 0;

 private:
  void Over() {
    over_ = true;
    events_ = {};
  }
  Events events_;
  bool over_ = false;
};

class GatewayHarness {
 public:
  explicit GatewayHarness(size_t max_request = 2 << 20, size_t max_answer = 64 << 20)
      : gateway(methods, OptionsOf(max_request, max_answer)) {}
  // What is still open ends as with its connection: a call and its reply hold each other until
  // then.
  ~GatewayHarness() {
    for (const auto& reply : replies_) reply->Gone();
    loop.Run();
  }

  std::shared_ptr<KeptReply> Post(std::string_view path, std::string_view body,
                                  std::vector<std::pair<std::string, std::string>> headers = {}) {
    return Send("POST", path, body, std::move(headers));
  }
  std::shared_ptr<KeptReply> Send(std::string_view method, std::string_view path,
                                  std::string_view body,
                                  std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto reply = std::make_shared<KeptReply>();
    replies_.push_back(reply);
    // A copy that dies with the call, as the front end's does.
    const std::string kept(body);
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = kept;
    request.peer = "10.0.0.1:4711";
    request.headers = std::move(headers);
    gateway.Handle(request, reply);
    return reply;
  }

  PostedLoop loop;
  CallTimes call_times;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs;  // beside the loop
  bool run_jobs_at_once = true;
  Methods methods{[](const CallContext&, Right) { return absl::OkStatus(); }};
  Gateway gateway;

  void RunJobs() {
    while (!jobs.empty()) {
      auto [work, done] = std::move(jobs.front());
      jobs.pop_front();
      work();
      done();
    }
  }

 private:
  std::vector<std::shared_ptr<KeptReply>> replies_;

  GatewayOptions OptionsOf(size_t max_request, size_t max_answer) {
    GatewayOptions options{
        .loop = loop, .run_beside = [this](std::function<void()> work, std::function<void()> done) {
          if (!run_jobs_at_once) {
            jobs.emplace_back(std::move(work), std::move(done));
            return;
          }
          work();
          loop.Post(std::move(done));
        }};
    options.max_request_bytes = max_request;
    options.max_answer_bytes = max_answer;
    call_times.WantAll();
    options.call_times = &call_times;
    return options;
  }
};

}  // namespace keelson::server
