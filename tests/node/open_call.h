// A call that a test leaves open, or several that wait for each other.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/node/node_cluster.h"

namespace keelson::testing {

class OpenCall {
 public:
  // Waits until the member serves.
  OpenCall(NodeCluster& cluster, size_t index, const std::string& method,
           const google::protobuf::Message& request, const sim::FakeCall::Metadata& metadata = {})
      : seen_(std::make_shared<Seen>()) {
    const bool serves = cluster.RunUntil([&] {
      if (call_ != nullptr) return true;
      call_ = cluster.member(index).Call(
          method, request.SerializeAsString(),
          [seen = seen_](const std::string& bytes) { seen->messages.push_back(bytes); },
          [seen = seen_](const absl::Status& status) { seen->status = status; }, metadata);
      return call_ != nullptr;
    });
    EXPECT_TRUE(serves);
  }

  // The client goes away.
  void Cancel() { call_->End(); }
  sim::FakeCall& call() { return *call_; }
  bool over() const { return seen_->status.has_value(); }
  // REQUIRES: over.
  const absl::Status& status() const { return *seen_->status; }
  size_t messages() const { return seen_->messages.size(); }
  template <typename Response>
  Response Message(size_t number = 0) const {
    Response response;
    EXPECT_LT(number, messages());
    EXPECT_TRUE(number < messages() && response.ParseFromString(seen_->messages[number]));
    return response;
  }

 private:
  struct Seen {
    std::vector<std::string> messages;
    std::optional<absl::Status> status;
  };
  std::shared_ptr<Seen> seen_;
  std::shared_ptr<sim::FakeCall> call_;
};

}  // namespace keelson::testing
