#include "server/kvd/monitor.h"

#include <utility>

#include "server/api/call.h"
#include "server/api/http_endpoints.h"
#include "server/loop/threaded_loop.h"
#include "server/rpc/front_end.h"

namespace keelson::server {
namespace {

class NoMethods final : public MethodTable {
 public:
  const Method* Find(std::string_view) const override { return nullptr; }
  bool HasService(std::string_view) const override { return false; }
};

// A request on its way through both loops. The fields are the monitor's loop's.
struct Question {
  // What outlives the front end's request.
  std::string method, path, query, peer;
  std::vector<std::pair<std::string, std::string>> headers;

  std::shared_ptr<HttpReply> reply;  // null once it is answered
  Loop::TimerId patience = 0;

  Question(const HttpRequest& request, std::shared_ptr<HttpReply> reply_in)
      : method(request.method),
        path(request.path),
        query(request.query),
        peer(request.peer),
        headers(request.headers),
        reply(std::move(reply_in)) {}

  HttpRequest Request() const {
    return {.method = method,
            .path = path,
            .query = query,
            .body = {},
            .peer = peer,
            .headers = headers};
  }
};

HttpResponse Hanging(std::string_view why) {
  HttpResponse response;
  response.status = 503;
  response.body = "[-]loop failed: ";
  response.body.append(why).append("\n");
  return response;
}

FrontEndOptions OptionsOfFrontEnd() {
  FrontEndOptions options;
  options.wall_clock = [] { return std::chrono::system_clock::now(); };
  return options;
}

}  // namespace

class Monitor::Impl final : public HttpEndpoints {
 public:
  Impl(Loop& main, HttpEndpoints& endpoints, Patience patience)
      : main_(main),
        endpoints_(endpoints),
        patience_(patience),
        front_end_(thread_.loop().context(), OptionsOfFrontEnd(), methods_, *this) {}
  ~Impl() override { thread_.Stop(); }

  FrontEnd& front_end() { return front_end_; }
  void Start() { thread_.Start(); }

  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override {
    if (!IsMonitoringPath(request.path)) {
      return reply->Respond({.status = 404, .body = "404 page not found\n", .headers = {}});
    }
    auto question = std::make_shared<Question>(request, std::move(reply));
    Wait(question, patience_.take_up, "it is stuck");
    main_.Post([this, question] {
      loop().Post([this, question] { Wait(question, patience_.answer, "no answer in time"); });
      endpoints_.Handle(question->Request(), std::make_shared<WayBack>(*this, question));
    });
  }

 private:
  // The main loop's end of the way.
  class WayBack final : public HttpReply {
   public:
    WayBack(Impl& monitor, std::shared_ptr<Question> question)
        : monitor_(monitor), question_(std::move(question)) {}
    void SetEvents(Events) override {}
    void Respond(HttpResponse response) override {
      monitor_.loop().Post(
          [&monitor = monitor_, question = question_, response = std::move(response)] {
            monitor.Answer(*question, response);
          });
    }
    // None of the monitor's pages comes in parts.
    void Begin(HttpResponse) override {}
    void Write(std::string) override {}
    void End() override {}
    size_t pending_bytes() const override { return 0; }

   private:
    Impl& monitor_;
    const std::shared_ptr<Question> question_;
  };

  Loop& loop() { return thread_.loop(); }

  void Wait(const std::shared_ptr<Question>& question, Duration time, std::string_view why) {
    if (question->reply == nullptr) return;
    loop().Cancel(question->patience);
    question->patience =
        loop().After(time, [this, question, why] { Answer(*question, Hanging(why)); });
  }

  void Answer(Question& question, HttpResponse response) {
    if (question.reply == nullptr) return;
    loop().Cancel(question.patience);
    std::exchange(question.reply, nullptr)->Respond(std::move(response));
  }

  Loop& main_;
  HttpEndpoints& endpoints_;
  const Patience patience_;
  const NoMethods methods_;
  ThreadedLoop thread_;
  FrontEnd front_end_;
};

Monitor::Monitor(Loop& main, HttpEndpoints& endpoints, Patience patience)
    : impl_(std::make_unique<Impl>(main, endpoints, patience)) {}
Monitor::~Monitor() = default;
absl::Status Monitor::Listen(std::string_view endpoint) {
  return impl_->front_end().Listen(endpoint);
}
std::vector<std::string> Monitor::addresses() const { return impl_->front_end().addresses(); }
void Monitor::Start() { impl_->Start(); }

}  // namespace keelson::server
