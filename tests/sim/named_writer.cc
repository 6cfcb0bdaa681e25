#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/sim/clients.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

std::string Value(const FakeCall::Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

}  // namespace

std::string NamedWriter::ValueOf(int write) const { return absl::StrCat("n", name_, ".", write); }

void NamedWriter::Next() {
  if (stopped_) return;
  settled_ = false;
  ++number_;
  id_ = absl::StrCat(position_, "-", ValueOf(number_));
  Try(0);
}

// The same write again and again until somebody says what became of it; at times to two at once.
void NamedWriter::Try(int tries) {
  Send(tries);
  if (cluster_.dice().OneIn(4)) Send(tries);
  const int write = number_;
  cluster_.world().After(cluster_.dice().Between(milliseconds(100), milliseconds(1500)),
                         [this, tries, write] {
                           if (write == number_ && !settled_) Try(tries + 1);
                         });
}

void NamedWriter::Send(int tries) {
  etcdserverpb::PutRequest request;
  request.set_key("n");
  request.set_value(ValueOf(number_));
  auto call = std::make_shared<std::shared_ptr<FakeCall>>();
  auto revision = std::make_shared<int64_t>(0);
  *call = cluster_.AnyMember().Call(
      "/etcdserverpb.KV/Put", request.SerializeAsString(),
      [revision](const std::string& bytes) {
        etcdserverpb::PutResponse response;
        response.ParseFromString(bytes);
        *revision = response.header().revision();
      },
      [this, call, revision, tries, write = number_](const absl::Status& status) {
        const FakeCall::Metadata metadata = (*call)->answer_metadata();
        call->reset();
        OnAnswer(write, tries, status, *revision, metadata);
      },
      {{"keelson-request-id", id_}});
}

void NamedWriter::OnAnswer(int write, int tries, const absl::Status& status, int64_t revision,
                           const FakeCall::Metadata& metadata) {
  const std::string outcome = Value(metadata, "keelson-request-outcome");
  if (outcome.empty()) return;  // it says nothing of the write
  position_ = std::max(position_, Value(metadata, "keelson-request-position"),
                       [](const std::string& a, const std::string& b) {
                         return std::pair(a.size(), a) < std::pair(b.size(), b);
                       });
  Truth& truth = cluster_.truth();
  const std::string value = ValueOf(write);
  if (outcome == "too-old") {
    cluster_.Count("named writes too old to tell");
  } else if (status.ok()) {
    if (truth.RevisionOf(value) != revision) {
      truth.Violated(absl::StrCat("the named write of ", value, " was answered with revision ",
                                  revision, " but applied at ", truth.RevisionOf(value)));
    }
    truth.Acknowledge(revision);
    if (outcome == "repeated") cluster_.Count("named writes answered again");
    if (tries > 0) cluster_.Count("named writes settled by a repetition");
  } else {
    truth.MustNotHappen(value);
    cluster_.Count("named writes refused for good");
  }
  if (write != number_ || settled_) return;
  settled_ = true;
  cluster_.world().After(cluster_.dice().Between(Duration(0), milliseconds(200)),
                         [this] { Next(); });
}

}  // namespace keelson::sim
