#include "tests/differential/unary_mode.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/differential/requests.h"
#include "tests/differential/service_requests.h"
#include "tests/differential/watch_script.h"

namespace keelson::differential {
namespace {

using namespace etcdserverpb;

class Comparison {
 public:
  Comparison(uint64_t seed, Server& reference, Server& subject, WatchForm watches, Report& report)
      : random_(seed),
        reference_(reference),
        subject_(subject),
        watches_(watches),
        report_(report) {}

  void Run(int64_t ops) {
    for (op_ = 0; op_ < ops && !report_.Hopeless(); ++op_) {
      const int64_t choice = random_.Below(1000);
      if (choice < 15) {
        CompareWatch();
      } else if (choice < 17) {
        CompareUnderAlarm();
      } else if (choice < 18) {
        for (const Request& request : LearnersLife(world_.next_handle)) CompareRequest(request);
      } else {
        CompareRequest(RandomRequest(random_, world_));
      }
    }
    RangeRequest everything;
    everything.set_key(std::string(1, '\0'));
    everything.set_range_end(std::string(1, '\0'));
    CompareRequest(everything);
    CompareRequest(LeaseLeasesRequest());
  }

 private:
  // The reference's answer.
  Answer CompareRequest(const Request& request) {
    const int64_t handle = world_.next_handle;
    const Answer reference = reference_.Call(request, handle);
    const Answer subject = subject_.Call(request, handle);
    const std::string name =
        std::visit([](const auto& message) { return message.GetDescriptor()->name(); }, request);
    report_.Count(absl::StrCat(name, reference.code == 0 ? " ok" : ": ", reference.error));
    Learn(request, reference);
    const std::string reference_text = reference.Text();
    const std::string subject_text = subject.Text();
    if (reference_text != subject_text) {
      report_.Take(op_, Describe(request),
                   {.request = &request,
                    .reference = reference,
                    .subject = subject,
                    .reference_text = reference_text,
                    .subject_text = subject_text});
    }
    return reference;
  }

  void CompareWatch() {
    WatchScript script = RandomWatchScript(random_, world_);
    if (watches_ == WatchForm::kOneByStream) script = OnlyFirst(script);
    WatchRun reference(script, world_, reference_.OpenWatch());
    WatchRun subject(script, world_, subject_.OpenWatch());
    reference.Create();
    subject.Create();
    for (int i = 0; i < script.writes; ++i) CompareRequest(RandomWrite(random_, world_));
    const std::vector<Marker> markers = WriteMarkers(reference.MarkerKeys());
    reference.Finish(markers);
    subject.Finish(markers);
    report_.Count("Watch");
    const std::string reference_text = reference.Transcript();
    const std::string subject_text = subject.Transcript();
    const bool broken = reference_text.find("BROKEN PROMISE") != std::string::npos ||
                        subject_text.find("BROKEN PROMISE") != std::string::npos;
    if (reference_text == subject_text && !broken) return;
    report_.Take(
        op_, script.Describe(),
        {.script = &script, .reference_text = reference_text, .subject_text = subject_text});
  }

  void CompareUnderAlarm() {
    CompareRequest(AlarmChange(AlarmRequest::ACTIVATE, CORRUPT));
    for (int i = 0; i < 5; ++i) CompareRequest(RandomRequest(random_, world_));
    CompareRequest(AlarmChange(AlarmRequest::DEACTIVATE, CORRUPT));
    CompareRequest(AlarmChange(AlarmRequest::DEACTIVATE, CORRUPT));
  }

  std::vector<Marker> WriteMarkers(const std::vector<std::string>& keys) {
    std::vector<Marker> markers;
    for (const std::string& key : keys) {
      PutRequest put;
      put.set_key(key);
      put.set_value("marker");
      CompareRequest(put);
      markers.push_back({.key = key, .revision = world_.revision});
      DeleteRangeRequest del;
      del.set_key(key);
      CompareRequest(del);
      markers.push_back({.key = key, .revision = world_.revision, .is_delete = true});
    }
    return markers;
  }

  // Takes what the reference's answer tells about the store.
  void Learn(const Request& request, const Answer& answer) {
    if (answer.code != 0 || answer.message == nullptr) return;
    std::visit([&](const auto& message) { LearnFrom(message, *answer.message); }, request);
  }

  template <typename RequestType>
  void LearnFrom(const RequestType&, const google::protobuf::Message& message) {
    const auto* field = message.GetDescriptor()->FindFieldByName("header");
    if (!message.GetReflection()->HasField(message, field)) return;
    const auto& header =
        static_cast<const ResponseHeader&>(message.GetReflection()->GetMessage(message, field));
    world_.revision = std::max(world_.revision, header.revision());
  }

  void LearnFrom(const CompactionRequest& request, const google::protobuf::Message&) {
    world_.compacted = std::max(world_.compacted, request.revision());
  }

  void LearnFrom(const LeaseGrantRequest& request, const google::protobuf::Message&) {
    if (request.id() == 0) {
      world_.leases.push_back(world_.next_handle++);
    } else {
      world_.leases.push_back(request.id());
      ++world_.next_lease;
    }
  }

  void LearnFrom(const MemberAddRequest&, const google::protobuf::Message&) {
    ++world_.next_handle;
  }

  void LearnFrom(const LeaseRevokeRequest& request, const google::protobuf::Message& message) {
    world_.leases.erase(std::remove(world_.leases.begin(), world_.leases.end(), request.id()),
                        world_.leases.end());
    const auto& response = static_cast<const LeaseRevokeResponse&>(message);
    world_.revision = std::max(world_.revision, response.header().revision());
  }

  void LearnFrom(const v3electionpb::CampaignRequest&, const google::protobuf::Message& message) {
    const auto& response = static_cast<const v3electionpb::CampaignResponse&>(message);
    world_.leader_keys.push_back(response.leader());
    world_.revision = std::max(world_.revision, response.header().revision());
  }

  Random random_;
  Server& reference_;
  Server& subject_;
  const WatchForm watches_;
  Report& report_;
  World world_;
  int64_t op_ = 0;
};

}  // namespace

void CompareServers(uint64_t seed, int64_t ops, Server& reference, Server& subject,
                    WatchForm watches, Report& report) {
  Comparison(seed, reference, subject, watches, report).Run(ops);
}

}  // namespace keelson::differential
