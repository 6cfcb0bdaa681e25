#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/sim/clients.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

constexpr char kTxn[] = "/etcdserverpb.KV/Txn";
constexpr int64_t kNeverGranted = 1;

std::string Value(const FakeCall::Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

// What every member has to answer alike.
std::string AnswerText(const absl::Status& status, etcdserverpb::TxnResponse answer) {
  const auto keep_revision = [](etcdserverpb::ResponseHeader* header) {
    const int64_t revision = header->revision();
    header->Clear();
    header->set_revision(revision);
  };
  keep_revision(answer.mutable_header());
  for (auto& part : *answer.mutable_responses()) {
    if (part.has_response_put()) keep_revision(part.mutable_response_put()->mutable_header());
  }
  return absl::StrCat(status.ToString(), " ", answer.ShortDebugString());
}

void CheckApplied(const Truth& truth, const std::string& value,
                  const etcdserverpb::TxnResponse& answer) {
  const int64_t revision = answer.header().revision();
  if (truth.RevisionOf(value) != revision) {
    truth.Violated(absl::StrCat("the named write of ", value, " was answered with revision ",
                                revision, " but applied at ", truth.RevisionOf(value)));
  }
  const auto before = truth.At("n", revision - 1);
  const auto& told = answer.responses(0).response_put();
  if (told.has_prev_kv() != before.has_value() ||
      (before && before->value != told.prev_kv().value())) {
    truth.Violated(absl::StrCat("the named write of ", value, " was answered with a wrong pair ",
                                "before it: ", told.ShortDebugString()));
  }
}

}  // namespace

std::string NamedWriter::ValueOf(int write) const { return absl::StrCat("n", name_, ".", write); }

void NamedWriter::Next() {
  if (stopped_) return;
  settled_ = false;
  ++number_;
  id_ = absl::StrCat(position_, "-", ValueOf(number_));
  DrawRequest();
  Try(0);
}

void NamedWriter::DrawRequest() {
  Dice& dice = cluster_.dice();
  etcdserverpb::PutRequest put;
  put.set_key("n");
  put.set_value(ValueOf(number_));
  put.set_prev_kv(true);
  method_ = "/etcdserverpb.KV/Put";
  if (dice.OneIn(10)) put.set_lease(kNeverGranted);
  request_ = put.SerializeAsString();
  if (!dice.OneIn(4)) return;
  etcdserverpb::TxnRequest txn;
  auto* compare = txn.add_compare();
  compare->set_target(etcdserverpb::Compare::MOD);
  compare->set_result(etcdserverpb::Compare::LESS);
  compare->set_key("n");
  compare->set_mod_revision(cluster_.truth().newest() + static_cast<int64_t>(dice.Below(4)) - 1);
  *txn.add_success()->mutable_request_put() = put;
  txn.add_failure()->mutable_request_range()->set_key("n");
  method_ = kTxn;
  request_ = txn.SerializeAsString();
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
  auto call = std::make_shared<std::shared_ptr<FakeCall>>();
  auto answer = std::make_shared<etcdserverpb::TxnResponse>();
  *call = cluster_.AnyMember().Call(
      method_, request_,
      [answer, txn = method_ == kTxn](const std::string& bytes) {
        if (txn) {
          answer->ParseFromString(bytes);
        } else {
          auto* put = answer->add_responses()->mutable_response_put();
          put->ParseFromString(bytes);
          *answer->mutable_header() = put->header();
          answer->set_succeeded(true);
        }
      },
      [this, call, answer, tries, write = number_](const absl::Status& status) {
        const FakeCall::Metadata metadata = (*call)->answer_metadata();
        call->reset();
        OnAnswer(write, tries, status, *answer, metadata);
      },
      {{"keelson-request-id", id_}});
}

// A put's answer is seen as that of a transaction with nothing else in it.
void NamedWriter::OnAnswer(int write, int tries, const absl::Status& status,
                           const etcdserverpb::TxnResponse& answer,
                           const FakeCall::Metadata& metadata) {
  const std::string outcome = Value(metadata, "keelson-request-outcome");
  if (outcome.empty()) return;  // it says nothing of the write
  position_ = std::max(position_, Value(metadata, "keelson-request-position"),
                       [](const std::string& a, const std::string& b) {
                         return std::pair(a.size(), a) < std::pair(b.size(), b);
                       });
  if (outcome == "too-old") {
    cluster_.Count("named writes too old to tell");
  } else {
    CheckDecided(write, outcome == "first", status, answer);
    if (outcome == "repeated") cluster_.Count("named writes answered again");
    if (tries > 0) cluster_.Count("named writes settled by a repetition");
  }
  if (write != number_ || settled_) return;
  settled_ = true;
  cluster_.world().After(cluster_.dice().Between(Duration(0), milliseconds(200)),
                         [this] { Next(); });
}

void NamedWriter::CheckDecided(int write, bool first, const absl::Status& status,
                               const etcdserverpb::TxnResponse& answer) {
  Truth& truth = cluster_.truth();
  const std::string value = ValueOf(write);
  if (first && !first_.insert(write).second) {
    truth.Violated(absl::StrCat("the named write of ", value, " was decided twice"));
  }
  const std::string text = AnswerText(status, answer);
  const auto [told, is_new] = told_.emplace(write, text);
  if (!is_new && told->second != text) {
    truth.Violated(absl::StrCat("the named write of ", value, " was answered ", text, " and also ",
                                told->second));
  }
  if (!status.ok() || !answer.succeeded()) {
    cluster_.Count(status.ok() ? "named writes whose condition failed"
                               : "named writes refused for good");
    truth.MustNotHappen(value);
    if (!status.ok()) return;
  } else {
    CheckApplied(truth, value, answer);
  }
  truth.Acknowledge(answer.header().revision());
}

}  // namespace keelson::sim
