// A hub, its store and its streams, with short words for what a test does to them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/watch/fakes.h"

namespace keelson::server {

class WatchFixture : public ::testing::Test {
 protected:
  using Response = etcdserverpb::WatchResponse;

  struct Stream {
    std::shared_ptr<FakeSink> sink;
    WatchHub::StreamId id = 0;
  };

  void Start(WatchOptions options = {}) {
    hub_ = std::make_unique<WatchHub>(
        WatchHub::Environment{
            .loop = loop_,
            .runner = runner_,
            .random =
                [this] { return random_ = random_ * 6364136223846793005u + 1442695040888963407u; },
            .view = [this] { return store_.View(); },
            .header =
                [] {
                  return HeaderIds{11, 22, 33};
                }},
        options, store_.revision(), store_.compacted());
  }
  WatchHub& hub() {
    if (hub_ == nullptr) Start();
    return *hub_;
  }

  Stream Open(bool require_leader = false) {
    auto sink = std::make_shared<FakeSink>();
    return {sink, hub().Open(sink, require_leader)};
  }

  // --- the store ---
  int64_t Apply(const std::vector<FakeStore::Op>& ops) {
    hub();
    const auto changes = store_.Apply(ops);
    hub().Publish(changes, store_.revision());
    return store_.revision();
  }
  int64_t Put(const std::string& key, const std::string& value = "v") {
    return Apply({{.key = key, .value = value}});
  }
  int64_t Delete(const std::string& key) { return Apply({{.key = key, .value = std::nullopt}}); }
  void Compact(int64_t revision) {
    store_.Compact(revision);
    hub().OnCompacted(revision);
  }

  // --- time ---
  // Runs everything that is due, history reads too.
  void Settle() {
    hub().Deliver();
    while (loop_.RunTurn() || runner_.RunOne()) {
    }
  }
  // The same without history reads.
  void SettleLoop() {
    hub().Deliver();
    while (loop_.RunTurn()) {
    }
  }

  // --- answers ---
  static Response Next(Stream& stream) {
    if (stream.sink->responses.empty()) {
      ADD_FAILURE() << "no response";
      return {};
    }
    Response response = stream.sink->responses.front();
    stream.sink->responses.pop_front();
    return response;
  }
  static bool Quiet(const Stream& stream) { return stream.sink->responses.empty(); }

  // Creates a watcher and takes its created answer.
  Response Create(Stream& stream, WatchRequestCreate request) {
    hub().Create(stream.id, std::move(request));
    Response response = Next(stream);
    EXPECT_TRUE(response.created());
    return response;
  }

  // "PUT key=value@revision" and "DELETE key@revision", in order, from all responses so far.
  static std::vector<std::string> Events(Stream& stream) {
    std::vector<std::string> events;
    for (const Response& response : std::exchange(stream.sink->responses, {})) {
      EXPECT_FALSE(response.canceled());
      for (const auto& event : response.events()) events.push_back(Describe(event));
    }
    return events;
  }
  static std::string Describe(const mvccpb::Event& event) {
    const std::string at = "@" + std::to_string(event.kv().mod_revision());
    if (event.type() == mvccpb::Event::DELETE) return "DELETE " + event.kv().key() + at;
    return "PUT " + event.kv().key() + "=" + event.kv().value() + at;
  }

  FakeLoop loop_;
  FakeRunner runner_{&loop_};
  FakeStore store_;
  uint64_t random_ = 1;
  std::unique_ptr<WatchHub> hub_;
};

}  // namespace keelson::server
