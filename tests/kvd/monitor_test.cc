// The listeners for monitoring, over sockets: a main loop that turns, one that is stuck, one that
// never answers.
#include "server/kvd/monitor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

#include "server/loop/threaded_loop.h"
#include "tests/harness/http_get.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Page final : public HttpEndpoints {
 public:
  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override {
    ++asked;
    if (silent) return kept.push_back(std::move(reply));
    HttpResponse response;
    response.status = 418;
    response.body = std::string(request.path) + "?" + std::string(request.query);
    reply->Respond(std::move(response));
  }
  std::atomic<int> asked = 0;
  std::atomic<bool> silent = false;
  std::vector<std::shared_ptr<HttpReply>> kept;
};

class MonitorTest : public ::testing::Test {
 protected:
  void Start(Monitor::Patience patience) {
    monitor_ = std::make_unique<Monitor>(main_.loop(), page_, patience);
    ASSERT_EQ(monitor_->Listen("127.0.0.1:0"), absl::OkStatus());
    const std::string address = monitor_->addresses().at(0);
    port_ = std::stoi(address.substr(address.rfind(':') + 1));
    monitor_->Start();
  }
  std::string Get(const std::string& target) {
    const auto answer = keelson::testing::HttpGet(port_, target, absl::Seconds(20));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? std::to_string(answer->status) + " " + answer->body : "";
  }

  ThreadedLoop main_;
  Page page_;
  std::unique_ptr<Monitor> monitor_;
  int port_ = 0;
};

TEST_F(MonitorTest, HealthAndMetricsAreAskedOfTheMainLoopAndNothingElseIs) {
  main_.Start();
  ASSERT_NO_FATAL_FAILURE(Start({}));
  EXPECT_EQ(Get("/health?serializable=true"), "418 /health?serializable=true");
  EXPECT_EQ(Get("/metrics"), "418 /metrics?");
  EXPECT_EQ(Get("/readyz/non_learner?verbose"), "418 /readyz/non_learner?verbose");
  EXPECT_EQ(page_.asked, 3);
  EXPECT_EQ(Get("/version"), "404 404 page not found\n");
  EXPECT_EQ(Get("/v3/kv/put"), "404 404 page not found\n");
  EXPECT_EQ(page_.asked, 3);
  main_.Stop();
}

TEST_F(MonitorTest, AMainLoopThatIsStuckFailsEveryProbe) {
  main_.Start();
  std::promise<void> stuck, go_on;
  main_.loop().Post([&] {
    stuck.set_value();
    go_on.get_future().wait();
  });
  stuck.get_future().wait();
  ASSERT_NO_FATAL_FAILURE(Start({.take_up = milliseconds(50), .answer = seconds(20)}));
  EXPECT_EQ(Get("/livez"), "503 [-]loop failed: it is stuck\n");
  EXPECT_EQ(Get("/metrics"), "503 [-]loop failed: it is stuck\n");
  EXPECT_EQ(page_.asked, 0);
  go_on.set_value();
  std::promise<void> turned;
  main_.loop().Post([&] { turned.set_value(); });
  turned.get_future().wait();
  EXPECT_EQ(page_.asked, 2) << "they are asked in the end, and nobody hears it";
  main_.Stop();
}

TEST_F(MonitorTest, AnAnswerThatNeverComesIsAFailureToo) {
  main_.Start();
  page_.silent = true;
  ASSERT_NO_FATAL_FAILURE(Start({.take_up = seconds(20), .answer = milliseconds(50)}));
  EXPECT_EQ(Get("/readyz"), "503 [-]loop failed: no answer in time\n");
  EXPECT_EQ(page_.asked, 1);
  page_.silent = false;
  EXPECT_EQ(Get("/readyz"), "418 /readyz?");
  main_.Stop();
}

TEST_F(MonitorTest, ListenErrorsNameTheEndpoint) {
  Monitor monitor(main_.loop(), page_);
  EXPECT_NE(monitor.Listen("nonsense").message().find("nonsense"), absl::string_view::npos);
}

}  // namespace
}  // namespace keelson::server
