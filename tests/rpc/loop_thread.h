// A front end on a real port of the loopback, run by a thread of its own.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/check.h"
#include "server/rpc/front_end.h"
#include "tests/rpc/harness.h"

namespace keelson::server {

class LoopThread {
 public:
  explicit LoopThread(FrontEndOptions options = {}) {
    front_end = std::make_unique<FrontEnd>(loop, std::move(options), methods, endpoints);
    const absl::Status status = front_end->Listen("127.0.0.1:0");
    KEELSON_CHECK(status.ok(), "the loopback has a free port");
    address = front_end->addresses().front();
    thread_ = std::thread([this] {
      const auto work = asio::make_work_guard(loop);
      loop.run();
    });
  }

  ~LoopThread() {
    Do([this] { front_end.reset(); });
    loop.stop();
    thread_.join();
  }

  // Runs `action` on the loop's thread and waits for it.
  void Do(std::function<void()> action) {
    std::promise<void> done;
    asio::post(loop, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  void Add(const std::string& path, Method::Kind kind, TestMethods::Start start) {
    Do([&] { methods.Add(path, kind, std::move(start)); });
  }

  FrontEndStats stats() {
    FrontEndStats stats;
    Do([&] { stats = front_end->stats(); });
    return stats;
  }

  asio::io_context loop{1};
  TestMethods methods;  // filled in before clients come, or through Do
  TestEndpoints endpoints;
  std::unique_ptr<FrontEnd> front_end;
  std::string address;

 private:
  std::thread thread_;
};

}  // namespace keelson::server
