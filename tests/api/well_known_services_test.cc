// The services that gRPC's own tools ask: health and reflection.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "proto/etcd/rpc.pb.h"
#include "proto/grpc/health.pb.h"
#include "proto/grpc/reflection.pb.h"
#include "server/api/health_service.h"
#include "server/api/methods.h"
#include "server/api/reflection_service.h"
#include "server/apply/errors.h"
#include "tests/sim/fake_call.h"

namespace keelson::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;
using testing::ElementsAre;

// Methods, and a call of one whose answers and end are kept.
class WellKnownServicesTest : public ::testing::Test {
 protected:
  // A call that is open holds its handler's events, and they the call.
  ~WellKnownServicesTest() override {
    for (const auto& call : calls_) call->Abandon();
  }
  std::shared_ptr<sim::FakeCall> Start(const std::string& path, const std::string& request) {
    auto call = std::make_shared<sim::FakeCall>(
        path, [this](const std::string& bytes) { answers_.push_back(bytes); },
        [this](const absl::Status& status) { ends_.push_back(status); });
    calls_.push_back(call);
    const Method* method = methods_.Find(path);
    EXPECT_NE(method, nullptr) << path;
    method->start(call, request);
    return call;
  }
  HealthCheckResponse::ServingStatus Health(size_t answer) {
    HealthCheckResponse response;
    EXPECT_TRUE(response.ParseFromString(answers_.at(answer)));
    return response.status();
  }

  Methods methods_{[](const CallContext&, Right) { return absl::OkStatus(); }};
  std::vector<std::shared_ptr<sim::FakeCall>> calls_;
  std::vector<std::string> answers_;
  std::vector<absl::Status> ends_;
};

std::string HealthOf(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request.SerializeAsString();
}

TEST_F(WellKnownServicesTest, TheServerServesAndNoPartOfItIsKnown) {
  HealthService health;
  health.AddTo(methods_);
  Start("/grpc.health.v1.Health/Check", HealthOf(""));
  EXPECT_EQ(Health(0), HealthCheckResponse::SERVING);
  Start("/grpc.health.v1.Health/Check", HealthOf("etcdserverpb.KV"));
  EXPECT_THAT(ends_, ElementsAre(absl::OkStatus(), absl::NotFoundError("unknown service")));
}

TEST_F(WellKnownServicesTest, WhoWatchesHearsOfTheEnd) {
  HealthService health;
  health.AddTo(methods_);
  const auto watch = Start("/grpc.health.v1.Health/Watch", HealthOf(""));
  const auto gone = Start("/grpc.health.v1.Health/Watch", HealthOf(""));
  Start("/grpc.health.v1.Health/Watch", HealthOf("other"));
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_EQ(Health(0), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health(2), HealthCheckResponse::SERVICE_UNKNOWN);
  gone->End();
  health.Shutdown();
  ASSERT_EQ(answers_.size(), 5u);
  EXPECT_EQ(Health(3), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(ends_, ElementsAre(errors::Stopped(), errors::Stopped()));
  Start("/grpc.health.v1.Health/Check", HealthOf(""));
  EXPECT_EQ(Health(5), HealthCheckResponse::NOT_SERVING);
  Start("/grpc.health.v1.Health/Watch", HealthOf(""));
  EXPECT_EQ(ends_.back(), errors::Stopped());
}

class ReflectionTest : public WellKnownServicesTest {
 protected:
  ReflectionTest() {
    for (const char* path : {"/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put"}) {
      methods_.Add(path, Method::Kind::kUnary, [](std::shared_ptr<Call>, std::string_view) {});
    }
    reflection_.AddTo(methods_);
  }
  ServerReflectionResponse Ask(const ServerReflectionRequest& request,
                               const std::string& version = "v1") {
    const auto call =
        Start("/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo", "");
    call->Message(request.SerializeAsString());
    ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(answers_.back()));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    call->End();
    return response;
  }
  ServerReflectionResponse AskForSymbol(const std::string& symbol) {
    ServerReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    return Ask(request);
  }

  ReflectionService reflection_{methods_};
};

TEST_F(ReflectionTest, OnlyServicesWithAMethodThatIsServedAreListed) {
  ServerReflectionRequest request;
  request.set_list_services("");
  request.set_host("here");
  for (const char* version : {"v1", "v1alpha"}) {
    const ServerReflectionResponse response = Ask(request, version);
    EXPECT_EQ(response.valid_host(), "here");
    std::vector<std::string> names;
    for (const auto& service : response.list_services_response().service()) {
      names.push_back(service.name());
    }
    EXPECT_THAT(names, ElementsAre("etcdserverpb.KV", "grpc.reflection.v1.ServerReflection",
                                   "grpc.reflection.v1alpha.ServerReflection"));
  }
}

TEST_F(ReflectionTest, AFileComesWithWhatItImportsAndWithoutWhatIsNotServed) {
  for (const char* symbol : {"etcdserverpb.KV", "etcdserverpb.KV.Put", "etcdserverpb.PutRequest"}) {
    const auto files = AskForSymbol(symbol).file_descriptor_response().file_descriptor_proto();
    ASSERT_EQ(files.size(), 3) << symbol;
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(files[0]));
    EXPECT_EQ(file.package(), "etcdserverpb");
    ASSERT_EQ(file.service_size(), 1) << "of those only KV is served";
    ASSERT_EQ(file.service(0).method_size(), 2);
    EXPECT_EQ(file.service(0).method(0).name(), "Range");
    EXPECT_EQ(file.service(0).method(1).name(), "Put");
    EXPECT_GT(file.message_type_size(), 50);
  }
  ServerReflectionRequest by_name;
  by_name.set_file_by_filename("proto/etcd/kv.proto");
  EXPECT_EQ(Ask(by_name).file_descriptor_response().file_descriptor_proto_size(), 1);
}

TEST_F(ReflectionTest, WhatIsNotServedIsNotFound) {
  for (const char* symbol : {"etcdserverpb.Watch", "etcdserverpb.KV.Txn", "keelson.v1.LogEntry",
                             "nothing", "", "google.protobuf.FileDescriptorProto"}) {
    EXPECT_EQ(AskForSymbol(symbol).error_response().error_code(), 5) << symbol;
  }
  ServerReflectionRequest request;
  request.set_file_by_filename("proto/keelson/entry.proto");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_all_extension_numbers_of_type("nothing");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  request.set_all_extension_numbers_of_type("etcdserverpb.PutRequest");
  EXPECT_EQ(Ask(request).all_extension_numbers_response().extension_number_size(), 0);
  request.mutable_file_containing_extension()->set_containing_type("etcdserverpb.PutRequest");
  EXPECT_EQ(Ask(request).error_response().error_code(), 5);
  EXPECT_EQ(Ask(ServerReflectionRequest()).error_response().error_code(), 3);
}

}  // namespace
}  // namespace keelson::server
