// What a healthy member says of requests that are wrong, and of what it must not let in: code and
// exact text, over the real wire.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <asio.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/harness/test_cluster.h"
#include "tests/process/error_texts/wire_client.h"
#include "tests/rpc/h2_client.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;

constexpr size_t kMaxRequestBytes = 1536 << 10;

TxnRequest PutMany(int count) {
  TxnRequest txn;
  for (int i = 0; i < count; ++i) {
    *txn.add_success()->mutable_request_put() = PutOf(std::to_string(i));
  }
  return txn;
}

// One member with `flags`, and a client of it.
struct Lone {
  explicit Lone(std::vector<std::string> flags = {}) {
    auto started = TestCluster::Start({.members = 1, .extra_flags = std::move(flags)});
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) std::abort();
    cluster = *std::move(started);
    wire = std::make_unique<WireClient>(cluster->endpoints()[0]);
  }
  std::unique_ptr<TestCluster> cluster;
  std::unique_ptr<WireClient> wire;
};

class RequestErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
  }
};

// The tests that leave no trace share one member.
class SharedMemberTest : public RequestErrorsTest {
 protected:
  static void SetUpTestSuite() {
    if (!FindServerBinary()) return;
    lone_ = new Lone();
    wire_ = lone_->wire.get();
  }
  static void TearDownTestSuite() {
    delete lone_;
    lone_ = nullptr;
  }
  static inline Lone* lone_ = nullptr;
  static inline WireClient* wire_ = nullptr;
};

// The table of texts and the server's own list are the same.
TEST(ErrorTextsTest, TheTableHasEveryErrorOfTheServer) {
  const std::map<std::string, int> codes{
      {"InvalidArgument", 3}, {"OutOfRange", 11},  {"ResourceExhausted", 8},
      {"NotFound", 5},        {"Unavailable", 14}, {"FailedPrecondition", 9},
      {"DataLoss", 15},       {"Unknown", 2},      {"Unimplemented", 12}};
  std::ifstream file(KEELSON_ERRORS_H);
  ASSERT_TRUE(file.is_open()) << KEELSON_ERRORS_H;
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string source = stream.str();
  const std::regex error(R"re(absl::(\w+)Error\(\s*"((?:[^"\\]|\\.)+)"\))re");
  std::set<std::string> texts;
  for (auto at = std::sregex_iterator(source.begin(), source.end(), error);
       at != std::sregex_iterator(); ++at) {
    ASSERT_TRUE(codes.contains((*at)[1])) << (*at)[0];
    const std::string text = std::regex_replace((*at)[2].str(), std::regex(R"(\\")"), "\"");
    texts.insert(std::to_string(codes.at((*at)[1])) + ": " + text);
  }
  EXPECT_EQ(texts, ErrorTexts());
}

TEST_F(SharedMemberTest, EveryOperationNeedsAKey) {
  EXPECT_EQ(wire_->Send(RangeRequest()), kEmptyKey);
  EXPECT_EQ(wire_->Send(PutRequest()), kEmptyKey);
  EXPECT_EQ(wire_->Send(DeleteRangeRequest()), kEmptyKey);
  TxnRequest txn;
  txn.add_compare();
  EXPECT_EQ(wire_->Send(txn), kEmptyKey);
  for (const auto& fill : std::vector<std::function<void(RequestOp*)>>{
           [](RequestOp* op) { op->mutable_request_range(); },
           [](RequestOp* op) { op->mutable_request_put(); },
           [](RequestOp* op) { op->mutable_request_delete_range(); },
           [](RequestOp* op) { op->mutable_request_txn()->add_compare(); }}) {
    txn.Clear();
    fill(txn.add_failure());
    EXPECT_EQ(wire_->Send(txn), kEmptyKey) << txn.ShortDebugString();
  }
}

TEST_F(SharedMemberTest, IgnoreFlagsExcludeWhatTheyIgnoreAndNeedTheKey) {
  PutRequest put = PutOf("a-missing-key");
  put.set_ignore_value(true);
  EXPECT_EQ(wire_->Send(put), kValueProvided);
  put.clear_value();
  EXPECT_EQ(wire_->Send(put), kKeyNotFound);
  put.set_ignore_value(false);
  put.set_ignore_lease(true);
  EXPECT_EQ(wire_->Send(put), kKeyNotFound);
  put.set_lease(5);
  EXPECT_EQ(wire_->Send(put), kLeaseProvided);
}

TEST_F(SharedMemberTest, AnUnknownLeaseIsNotFound) {
  PutRequest put = PutOf("a");
  put.set_lease(4711);
  EXPECT_EQ(wire_->Send(put), kLeaseNotFound);
  TxnRequest txn;
  *txn.add_success()->mutable_request_put() = put;
  EXPECT_EQ(wire_->Send(txn), kLeaseNotFound);
  LeaseRevokeRequest revoke;
  revoke.set_id(4711);
  EXPECT_EQ(wire_->Send(revoke), kLeaseNotFound);
}

TEST_F(SharedMemberTest, AnUnknownSortIsInvalid) {
  RangeRequest range = RangeOf("a");
  range.set_sort_order(static_cast<RangeRequest::SortOrder>(7));
  EXPECT_EQ(wire_->Send(range), kInvalidSort);
  range.set_sort_order(RangeRequest::NONE);
  range.set_sort_target(static_cast<RangeRequest::SortTarget>(7));
  EXPECT_EQ(wire_->Send(range), kInvalidSort);
}

TEST_F(SharedMemberTest, ATransactionHas128OperationsAtMost) {
  EXPECT_EQ(wire_->Send(PutMany(128)), kOk);
  EXPECT_EQ(wire_->Send(PutMany(129)), kTooManyOps);
  TxnRequest compares;
  for (int i = 0; i < 129; ++i) compares.add_compare()->set_key("a");
  EXPECT_EQ(wire_->Send(compares), kTooManyOps);
}

TEST_F(SharedMemberTest, ANestedTransactionHasWhatItsParentLeft) {
  TxnRequest txn;
  *txn.add_success()->mutable_request_txn() = PutMany(127);
  EXPECT_EQ(wire_->Send(txn), kOk);
  *txn.mutable_success(0)->mutable_request_txn() = PutMany(128);
  EXPECT_EQ(wire_->Send(txn), kTooManyOps);
}

TEST_F(SharedMemberTest, AKeyIsPutOnceInATransactionAndNotDeletedBesides) {
  TxnRequest twice;
  for (int i = 0; i < 2; ++i) *twice.add_success()->mutable_request_put() = PutOf("a");
  EXPECT_EQ(wire_->Send(twice), kDuplicateKey);
  TxnRequest both;
  *both.add_success()->mutable_request_put() = PutOf("b");
  both.add_success()->mutable_request_delete_range()->set_key("a");
  both.mutable_success(1)->mutable_request_delete_range()->set_range_end("c");
  EXPECT_EQ(wire_->Send(both), kDuplicateKey);
}

TEST_F(SharedMemberTest, AnOperationThatSaysNothingIsAKeyNotFound) {
  TxnRequest txn;
  txn.add_success();
  EXPECT_EQ(wire_->Send(txn), kKeyNotFound);
}

TEST_F(SharedMemberTest, LeasesAreGrantedOnceAndNotForever) {
  LeaseGrantRequest grant;
  grant.set_id(31);
  grant.set_ttl(600);
  EXPECT_EQ(wire_->Send(grant), kOk);
  EXPECT_EQ(wire_->Send(grant), kLeaseExists);
  grant.set_id(32);
  grant.set_ttl(9'000'000'001);
  EXPECT_EQ(wire_->Send(grant), kTtlTooLarge);
  grant.set_ttl(9'000'000'000);
  EXPECT_EQ(wire_->Send(grant), kOk);
}

TEST_F(SharedMemberTest, AFutureRevisionIsToldFromACompactedOne) {
  ASSERT_EQ(wire_->Send(PutOf("r")), kOk);
  ASSERT_EQ(wire_->Send(PutOf("r")), kOk);
  CompactionRequest compact;
  compact.set_revision(1'000'000);
  EXPECT_EQ(wire_->Send(compact), kFuture);
  EXPECT_EQ(wire_->Send(RangeOf("r", 1'000'000)), kFuture);
  compact.set_revision(2);
  EXPECT_EQ(wire_->Send(compact), kOk);
  EXPECT_EQ(wire_->Send(compact), kCompacted);
  EXPECT_EQ(wire_->Send(RangeOf("r", 1)), kCompacted);
  const auto hash = [](int64_t revision) {
    HashKVRequest request;
    request.set_revision(revision);
    return wire_->Call(*wire_->maintenance, &Maintenance::Stub::HashKV, request);
  };
  EXPECT_EQ(hash(1), kCompacted);
  EXPECT_EQ(hash(2), kOk);
  EXPECT_EQ(hash(1'000'000), kFuture);
  for (const auto& [revision, error] :
       {std::pair(int64_t{1}, kCompacted), {-1, kCompacted}, {1'000'000, kFuture}}) {
    TxnRequest txn;
    *txn.add_success()->mutable_request_range() = RangeOf("r", revision);
    EXPECT_EQ(wire_->Send(txn), error) << revision;
    // Also where the transaction writes, so that it is checked when it is applied.
    *txn.add_success()->mutable_request_put() = PutOf("s");
    EXPECT_EQ(wire_->Send(txn), error) << revision;
  }
}

TEST_F(SharedMemberTest, ARequestAboveOneAndAHalfMebibytesIsTooLarge) {
  const size_t other = 16;  // what a put has beside its value
  EXPECT_EQ(wire_->Send(PutOf("big", std::string(kMaxRequestBytes - other, 'v'))), kOk);
  EXPECT_EQ(wire_->Send(PutOf("big", std::string(kMaxRequestBytes + 1, 'v'))), kTooLarge);
  TxnRequest txn;
  *txn.add_success()->mutable_request_put() = PutOf("big", std::string(kMaxRequestBytes, 'v'));
  EXPECT_EQ(wire_->Send(txn), kTooLarge);
}

TEST_F(SharedMemberTest, AMessageAboveTwoMebibytesIsRefusedByTheTransport) {
  const PutRequest put = PutOf("big", std::string(2 << 20, 'v'));
  EXPECT_EQ(wire_->Send(put), "8: grpc: received message larger than max (" +
                                  std::to_string(put.ByteSizeLong()) + " vs. 2097152)");
}

// grpc++ lets no such metadata out, so this client writes its own frames.
TEST_F(SharedMemberTest, AClientVersionThatIsNoTextIsInvalid) {
  server::H2Client client;
  const int32_t stream =
      client.GrpcRequest("/etcdserverpb.KV/Range", {{"client-api-version", "\xff\xfe"}});
  client.Message(stream, RangeOf("a").SerializeAsString(), true);
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(),
                  static_cast<uint16_t>(lone_->cluster->member(0).config().client_port)});
  std::string bytes(4096, '\0');
  while (!client.answer(stream).ended) {
    asio::write(socket, asio::buffer(client.TakeOutput()));
    client.Receive({bytes.data(), socket.read_some(asio::buffer(bytes))});
  }
  const std::string status = client.answer(stream).GrpcStatus();  // "3 text"
  const std::string text = status.substr(0, 1) + ":" + status.substr(1);
  Meet(text);
  EXPECT_EQ(text, kInvalidVersion);
  EXPECT_EQ(wire_->CallAsJson(RangeOf("a"), "Grpc-Metadata-Client-Api-Version: \xff\xfe\r\n"),
            kInvalidVersion);
}

TEST_F(SharedMemberTest, NothingIsDowngraded) {
  const auto downgrade = [](int action, const std::string& version) {
    DowngradeRequest request;
    request.set_action(static_cast<DowngradeRequest::DowngradeAction>(action));
    request.set_version(version);
    return wire_->Call(*wire_->maintenance, &Maintenance::Stub::Downgrade, request);
  };
  EXPECT_EQ(downgrade(DowngradeRequest::VALIDATE, "3.5"), kDowngradeVersion);
  EXPECT_EQ(downgrade(DowngradeRequest::ENABLE, "3.5"), kDowngradeVersion);
  EXPECT_EQ(downgrade(DowngradeRequest::ENABLE, "old"), kDowngradeFormat);
  EXPECT_EQ(downgrade(DowngradeRequest::CANCEL, ""), kOk);
  EXPECT_EQ(downgrade(3, "3.5"), kUnknownMethod);
}

TEST_F(SharedMemberTest, WhatIsNotServedIsUnimplemented) {
  const auto call = [](const std::string& path) {
    grpc::GenericStub stub(wire_->channel());
    grpc::ClientContext context;
    WireClient::Prepare(context);
    grpc::CompletionQueue queue;
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto reader = stub.PrepareUnaryCall(&context, path, grpc::ByteBuffer(), &queue);
    reader->StartCall();
    reader->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return Text(status);
  };
  EXPECT_EQ(call("/etcdserverpb.KV/Nothing"),
            "12: unknown method Nothing for service etcdserverpb.KV");
  EXPECT_EQ(call("/some.Service/Nothing"), "12: unknown service some.Service");
}

TEST_F(SharedMemberTest, AStreamOfARangeIsInKeyOrderAndWhole) {
  const auto end = [](auto&& fill) {
    RangeRequest request = RangeOf("a");
    fill(request);
    grpc::ClientContext context;
    WireClient::Prepare(context);
    const auto stream = wire_->kv->RangeStream(&context, request);
    RangeStreamResponse response;
    while (stream->Read(&response)) {
    }
    return wire_->EndOf(*stream);
  };
  EXPECT_EQ(end([](RangeRequest& range) { range.set_sort_order(RangeRequest::DESCEND); }),
            kNoStreamInThisOrder);
  EXPECT_EQ(end([](RangeRequest& range) { range.set_sort_target(RangeRequest::MOD); }),
            kNoStreamInThisOrder);
  EXPECT_EQ(end([](RangeRequest& range) { range.set_min_mod_revision(1); }),
            kNoStreamOfSomeRevisions);
  EXPECT_EQ(end([](RangeRequest& range) { range.clear_key(); }), kEmptyKey);
  EXPECT_EQ(end([](RangeRequest& range) { range.set_revision(1000000); }), kFuture);
  EXPECT_EQ(end([](RangeRequest& range) { range.set_sort_order(RangeRequest::ASCEND); }), kOk);
}

TEST_F(SharedMemberTest, AWatchIsRefusedByItsCancelReason) {
  const auto create = [](auto&& fill) {
    grpc::ClientContext context;
    WireClient::Prepare(context);
    const auto stream = wire_->watch->Watch(&context);
    WatchRequest request;
    fill(request.mutable_create_request());
    stream->Write(request);
    stream->Write(request);
    WatchResponse last;
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(stream->Read(&last));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(last.created());
    EXPECT_TRUE(last.canceled());
    EXPECT_EQ(last.watch_id(), -1);
    return last.cancel_reason();
  };
  EXPECT_EQ(create([](auto* request) { request->set_watch_id(5); }),
            "mvcc: duplicate watch ID provided on the WatchStream");
  EXPECT_EQ(create([](auto* request) {
              request->set_key("b");
              request->set_range_end("a");
            }),
            "mvcc: watcher range is empty");
  EXPECT_EQ(create([](auto* request) { request->set_start_revision(-1); }),
            "etcdserver: mvcc: required revision has been compacted");
}

TEST_F(RequestErrorsTest, WithoutSpaceWhatGrowsIsRefusedUntilItIsClearedAway) {
  Lone lone({"--quota-backend-bytes=100000"});
  WireClient& wire = *lone.wire;
  const std::string value(20000, 'v');
  std::string answer = kOk;
  for (int i = 0; i < 10 && answer == kOk; ++i) answer = wire.Send(PutOf(std::to_string(i), value));
  EXPECT_EQ(answer, kNoSpace);
  TxnRequest txn;
  *txn.add_success()->mutable_request_put() = PutOf("more", value);
  EXPECT_EQ(wire.Send(txn), kNoSpace);
  LeaseGrantRequest grant;
  grant.set_ttl(60);
  EXPECT_EQ(wire.Send(grant), kNoSpace);
  EXPECT_EQ(wire.Send(RangeOf("0")), kOk);
  DeleteRangeRequest del;
  del.set_key("0");
  del.set_range_end(std::string(1, '\0'));
  EXPECT_EQ(wire.Send(del), kOk);
}

TEST_F(RequestErrorsTest, ACorruptClusterIsReadButNotWritten) {
  Lone lone;
  WireClient& wire = *lone.wire;
  ASSERT_EQ(wire.Send(PutOf("a")), kOk);
  AlarmRequest alarm;
  alarm.set_action(AlarmRequest::ACTIVATE);
  alarm.set_memberid(1);
  alarm.set_alarm(CORRUPT);
  ASSERT_EQ(wire.Send(alarm), kOk);
  EXPECT_EQ(wire.Send(PutOf("a")), kCorrupt);
  DeleteRangeRequest del;
  del.set_key("a");
  EXPECT_EQ(wire.Send(del), kCorrupt);
  TxnRequest txn;
  *txn.add_success()->mutable_request_put() = PutOf("a");
  EXPECT_EQ(wire.Send(txn), kCorrupt);
  CompactionRequest compact;
  compact.set_revision(1);
  EXPECT_EQ(wire.Send(compact), kCorrupt);
  LeaseGrantRequest grant;
  grant.set_ttl(60);
  EXPECT_EQ(wire.Send(grant), kCorrupt);
  LeaseRevokeRequest revoke;
  revoke.set_id(1);
  EXPECT_EQ(wire.Send(revoke), kCorrupt);
  EXPECT_EQ(wire.Send(RangeOf("a")), kOk);
  alarm.set_action(AlarmRequest::DEACTIVATE);
  EXPECT_EQ(wire.Send(alarm), kOk);
  EXPECT_EQ(wire.Send(PutOf("a")), kOk);
}

}  // namespace
}  // namespace keelson::testing
