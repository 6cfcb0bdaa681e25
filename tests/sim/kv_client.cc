#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/clients.h"

namespace keelson::sim {
namespace {

constexpr int kKeys = 12;
using std::chrono::milliseconds;

// Whether a failed write with this error may have happened all the same.
bool MayHaveHappened(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// The errors that a correct request may meet; a disk's own only where it fails on purpose.
bool IsExpected(const absl::Status& status) {
  if (status.message().find("(simulated)") != status.message().npos) return true;
  return MayHaveHappened(status) || absl::IsResourceExhausted(status) ||
         absl::IsOutOfRange(status) || absl::IsFailedPrecondition(status);
}

Duration DrawPatience(Dice& dice) {
  constexpr milliseconds kPatience[] = {milliseconds(250), milliseconds(1000), milliseconds(3000),
                                        milliseconds(9000)};
  return kPatience[dice.Below(4)];
}

template <typename T>
T Decode(const std::string& bytes) {
  T message;
  message.ParseFromString(bytes);
  return message;
}

}  // namespace

KvHabits KvHabits::DrawWriter(Dice& dice) {
  KvHabits habits;
  habits.pause = milliseconds(5 + dice.Below(60));
  habits.patience = DrawPatience(dice);
  habits.compact = dice.OneIn(3) ? 15 : 3;
  return habits;
}

KvHabits KvHabits::DrawReader(Dice& dice) {
  KvHabits habits;
  habits.put = habits.erase = habits.transact = habits.compact = 0;
  habits.read = 1;
  habits.serializable = dice.Below(3);
  habits.pause = milliseconds(5 + dice.Below(60));
  habits.patience = milliseconds(100 + dice.Below(800));
  habits.old_read_one_in = 1 + dice.Below(4);
  return habits;
}

void KvClient::Start() { NextSoon(); }

void KvClient::NextSoon() {
  const Duration pause = cluster_.dice().Between(Duration(0), habits_.pause);
  cluster_.world().After(pause, [this] { Next(); });
}

std::string KvClient::RandomKey() { return absl::StrCat("k", cluster_.dice().Below(kKeys)); }

// Unique; at times too long for one sector of the log, so that its write can be torn.
std::string KvClient::NewValue(const char* prefix) {
  Dice& dice = cluster_.dice();
  const size_t padding = dice.OneIn(6) ? dice.Below(1500) : 0;
  return absl::StrCat(prefix, number_, ".", ++values_, std::string(padding, '.'));
}

KvClient::OperationPtr KvClient::Begin() {
  auto operation = std::make_shared<Operation>();
  operation->known = cluster_.truth().acknowledged();
  return operation;
}

void KvClient::Next() {
  if (stopped_) return;
  SimMember& member = cluster_.AnyMember();
  const KvHabits& h = habits_;
  const uint64_t all = h.put + h.erase + h.transact + h.read + h.serializable + h.compact;
  uint64_t choice = cluster_.dice().Below(all);
  const auto is = [&choice](uint64_t share) {
    const bool drawn = choice < share;
    choice -= drawn ? 0 : share;
    return drawn;
  };
  if (is(h.put)) return Put(member);
  if (is(h.erase)) return Delete(member);
  if (is(h.transact)) return Transact(member);
  if (is(h.read)) return Read(member, false);
  if (is(h.serializable)) return Read(member, true);
  Compact(member);
}

void KvClient::Send(SimMember& member, const std::string& method, const std::string& request,
                    OperationPtr operation, std::function<void(const std::string&)> on_answer) {
  auto answer = std::make_shared<std::string>();
  auto call = member.Call(
      method, request, [answer](const std::string& bytes) { *answer = bytes; },
      [this, operation, answer, on_answer](const absl::Status& status) {
        if (operation->over) return;
        if (status.ok()) on_answer(*answer);
        End(operation, status);
      });
  if (call == nullptr) {
    operation->over = true;
    if (!operation->value.empty()) cluster_.truth().MustNotHappen(operation->value);
    return NextSoon();
  }
  operation->call = call;
  // The member may die, and nobody tells: the client gives up by itself.
  cluster_.world().After(habits_.patience, [this, operation] {
    if (operation->over) return;
    cluster_.Count("calls without an answer");
    End(operation, absl::DeadlineExceededError("gave up"));
  });
}

void KvClient::End(const OperationPtr& operation, const absl::Status& status) {
  operation->over = true;
  if (status.ok()) ++operations_;
  if (!status.ok()) {
    if (!IsExpected(status)) cluster_.truth().Violated("an error came back: " + status.ToString());
    cluster_.Count(MayHaveHappened(status) ? "unknown outcomes" : "refused or failed calls");
    if (!operation->value.empty() && !MayHaveHappened(status)) {
      cluster_.truth().MustNotHappen(operation->value);
    }
  }
  NextSoon();
}

void KvClient::Put(SimMember& member) {
  auto operation = Begin();
  operation->value = NewValue("v");
  etcdserverpb::PutRequest request;
  request.set_key(RandomKey());
  request.set_value(operation->value);
  Send(member, "/etcdserverpb.KV/Put", request.SerializeAsString(), operation,
       [this, operation, key = request.key()](const std::string& bytes) {
         const int64_t revision = Decode<etcdserverpb::PutResponse>(bytes).header().revision();
         Truth& truth = cluster_.truth();
         if (truth.RevisionOf(operation->value) != revision) {
           truth.Violated(absl::StrCat("put of ", operation->value, " was acknowledged at ",
                                       revision, " but applied at ",
                                       truth.RevisionOf(operation->value)));
         }
         if (revision <= operation->known) {
           truth.Violated(absl::StrCat("put of ", operation->value, " got revision ", revision,
                                       " although ", operation->known,
                                       " was acknowledged before it began"));
         }
         truth.Acknowledge(revision);
         if (cluster_.SomeRefuseGrowth()) cluster_.Count("puts while a disk was full");
       });
}

void KvClient::Delete(SimMember& member) {
  auto operation = Begin();
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(RandomKey());
  request.set_prev_kv(true);
  Send(member, "/etcdserverpb.KV/DeleteRange", request.SerializeAsString(), operation,
       [this, operation, key = request.key()](const std::string& bytes) {
         const auto response = Decode<etcdserverpb::DeleteRangeResponse>(bytes);
         const int64_t revision = response.header().revision();
         Truth& truth = cluster_.truth();
         const bool existed = truth.At(key, revision - 1).has_value();
         const bool exists = truth.At(key, revision).has_value();
         if (exists || (response.deleted() == 1 && !existed)) {
           truth.Violated(absl::StrCat("a delete of ", key,
                                       " answered deleted=", response.deleted(), " at ", revision));
         }
         if (revision < operation->known) truth.Violated("a delete went back in revision");
         truth.Acknowledge(revision);
       });
}

void KvClient::Transact(SimMember& member) {
  auto operation = Begin();
  operation->value = NewValue("t");
  const std::string key = RandomKey();
  const auto now = cluster_.truth().At(key, cluster_.truth().newest());
  etcdserverpb::TxnRequest request;
  auto* compare = request.add_compare();
  compare->set_key(key);
  compare->set_target(etcdserverpb::Compare::MOD);
  compare->set_mod_revision(now ? now->mod_revision : 0);
  auto* put = request.add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(operation->value);
  request.add_failure()->mutable_request_range()->set_key(key);
  Send(member, "/etcdserverpb.KV/Txn", request.SerializeAsString(), operation,
       [this, operation, key, expected = compare->mod_revision()](const std::string& bytes) {
         const auto response = Decode<etcdserverpb::TxnResponse>(bytes);
         const int64_t revision = response.header().revision();
         Truth& truth = cluster_.truth();
         cluster_.Count(response.succeeded() ? "transactions that wrote" : "transactions refused");
         const int64_t before = response.succeeded() ? revision - 1 : revision;
         const auto found = truth.At(key, before);
         if (response.succeeded() != ((found ? found->mod_revision : 0) == expected)) {
           truth.Violated(absl::StrCat("a transaction on ", key, " compared wrongly at ", before));
         }
         const int64_t applied = truth.RevisionOf(operation->value);
         if (applied != (response.succeeded() ? revision : 0)) {
           truth.Violated("a transaction wrote where it answered otherwise");
         }
         if (revision < operation->known) truth.Violated("a transaction went back in revision");
         truth.Acknowledge(revision);
       });
}

void KvClient::CheckRead(const std::string& who, const etcdserverpb::RangeRequest& request,
                         const etcdserverpb::RangeResponse& response) {
  const Truth& truth = cluster_.truth();
  const int64_t at = request.revision() > 0 ? request.revision() : response.header().revision();
  const std::string end =
      request.range_end().empty() ? request.key() + std::string(1, '\0') : request.range_end();
  const auto expected = truth.RangeAt(request.key(), end, at);
  bool same = response.count() == static_cast<int64_t>(expected.size()) &&
              response.kvs_size() == static_cast<int>(expected.size());
  for (int i = 0; same && i < response.kvs_size(); ++i) {
    const auto& kv = response.kvs(i);
    same = kv.key() == expected[i].key && kv.value() == expected[i].value &&
           kv.mod_revision() == expected[i].mod_revision &&
           kv.create_revision() == expected[i].create_revision &&
           kv.version() == expected[i].version;
  }
  if (!same) {
    truth.Violated(absl::StrCat(who, " of ", request.key(), " at revision ", at, " (header ",
                                response.header().revision(), ") gave ", response.kvs_size(),
                                " of ", expected.size(), " pairs: ", response.ShortDebugString()));
  }
}

void KvClient::Read(SimMember& member, bool serializable) {
  auto operation = Begin();
  etcdserverpb::RangeRequest request;
  request.set_serializable(serializable);
  if (cluster_.dice().OneIn(3)) {
    request.set_key("k");
    request.set_range_end("l");
  } else {
    request.set_key(RandomKey());
  }
  if (cluster_.dice().OneIn(habits_.old_read_one_in)) request.set_revision(OldRevision());
  const uint64_t losses = member.power_losses();
  Send(member, "/etcdserverpb.KV/Range", request.SerializeAsString(), operation,
       [this, operation, request, &member, losses](const std::string& bytes) {
         const auto response = Decode<etcdserverpb::RangeResponse>(bytes);
         const int64_t revision = response.header().revision();
         CheckRead(request.serializable() ? "a serializable read" : "a linearizable read", request,
                   response);
         cluster_.Count(request.serializable() ? "serializable reads" : "linearizable reads");
         if (request.serializable()) return CheckSerializable(member, losses, revision);
         if (revision < operation->known) {
           cluster_.truth().Violated(
               absl::StrCat("a linearizable read on ", member.name(), " answered at ", revision,
                            " although ", operation->known, " was acknowledged before it began"));
         }
         cluster_.truth().Acknowledge(revision);
       });
}

// Lately, or around what is being compacted.
int64_t KvClient::OldRevision() {
  Dice& dice = cluster_.dice();
  const auto back = static_cast<int64_t>(dice.Below(40));
  const int64_t from = dice.OneIn(2) ? cluster_.truth().newest() : cluster_.compaction_asked() + 3;
  return std::max<int64_t>(1, from - back);
}

void KvClient::CheckSerializable(SimMember& member, uint64_t power_losses, int64_t revision) {
  if (power_losses != member.power_losses()) return;
  int64_t& last = cluster_.LastAnswered(member);
  if (revision < last) {
    cluster_.truth().Violated(
        absl::StrCat(member.name(), " went back from revision ", last, " to ", revision));
  }
  last = revision;
}

void KvClient::Compact(SimMember& member) {
  auto operation = Begin();
  etcdserverpb::CompactionRequest request;
  request.set_revision(
      std::max<int64_t>(1, cluster_.truth().acknowledged() - cluster_.dice().Below(60)));
  cluster_.compaction_asked() = request.revision();
  Send(member, "/etcdserverpb.KV/Compact", request.SerializeAsString(), operation,
       [this](const std::string&) { cluster_.Count("compactions"); });
}

}  // namespace keelson::sim
