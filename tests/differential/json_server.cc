#include "tests/differential/json_server.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/differential/http_client.h"
#include "tests/differential/normalise.h"

namespace keelson::differential {
namespace {

using namespace etcdserverpb;
using google::protobuf::Message;
using google::protobuf::Value;
namespace util = google::protobuf::util;

// What each server, or each moment, has its own of.
bool IsOwn(const std::string& name) {
  static const auto* names =
      new std::set<std::string>{"cluster_id",  "member_id", "raft_term",       "ID",   "TTL",
                                "leader",      "raftIndex", "raftTerm",        "hash", "dbSize",
                                "dbSizeInUse", "version",   "raftAppliedIndex"};
  return names->contains(name);
}

// Lists whose order is not promised.
bool IsUnordered(const std::string& name) {
  return name == "leases" || name == "keys" || name == "members";
}

std::string Shape(const Value& value, const std::string& name, const std::string& indent);

std::string ObjectShape(const google::protobuf::Struct& object, const std::string& indent) {
  std::vector<std::string> members;
  for (const auto& [name, value] : object.fields()) {
    // A superset of 3.4's: it lacks these.
    if (name == "hash_revision" || name == "storageVersion" || name == "dbSizeQuota" ||
        name == "downgradeInfo") {
      continue;
    }
    members.push_back(absl::StrCat(indent, name, ": ", Shape(value, name, indent)));
  }
  std::sort(members.begin(), members.end());
  return absl::StrCat("\n", absl::StrJoin(members, "\n"));
}

std::string ListShape(const google::protobuf::ListValue& list, const std::string& name,
                      const std::string& indent) {
  std::vector<std::string> items;
  for (const Value& item : list.values()) {
    const bool urls = absl::EndsWith(name, "URLs");
    items.push_back(absl::StrCat(indent, "- ", urls ? "url" : Shape(item, name, indent)));
  }
  if (IsUnordered(name)) std::sort(items.begin(), items.end());
  return absl::StrCat("[", items.empty() ? "" : "\n", absl::StrJoin(items, "\n"), "]");
}

std::string Shape(const Value& value, const std::string& name, const std::string& indent) {
  const std::string deeper = indent + "  ";
  switch (value.kind_case()) {
    case Value::kStringValue:
      return IsOwn(name) ? "a string" : absl::StrCat("\"", value.string_value(), "\"");
    case Value::kNumberValue:
      return IsOwn(name) ? "a number" : absl::StrCat(value.number_value());
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case Value::kStructValue:
      return ObjectShape(value.struct_value(), deeper);
    case Value::kListValue:
      return ListShape(value.list_value(), name, deeper);
    default:
      return "null";
  }
}

struct Mapping {
  const char* message;
  const char* path;
  const char* response;
};

constexpr Mapping kMappings[] = {
    {"RangeRequest", "/v3/kv/range", "etcdserverpb.RangeResponse"},
    {"PutRequest", "/v3/kv/put", "etcdserverpb.PutResponse"},
    {"DeleteRangeRequest", "/v3/kv/deleterange", "etcdserverpb.DeleteRangeResponse"},
    {"TxnRequest", "/v3/kv/txn", "etcdserverpb.TxnResponse"},
    {"CompactionRequest", "/v3/kv/compaction", "etcdserverpb.CompactionResponse"},
    {"LeaseGrantRequest", "/v3/lease/grant", "etcdserverpb.LeaseGrantResponse"},
    {"LeaseRevokeRequest", "/v3/lease/revoke", "etcdserverpb.LeaseRevokeResponse"},
    {"LeaseTimeToLiveRequest", "/v3/lease/timetolive", "etcdserverpb.LeaseTimeToLiveResponse"},
    {"LeaseLeasesRequest", "/v3/lease/leases", "etcdserverpb.LeaseLeasesResponse"},
    {"LeaseKeepAliveRequest", "/v3/lease/keepalive", "etcdserverpb.LeaseKeepAliveResponse"},
    {"LockRequest", "/v3/lock/lock", "v3lockpb.LockResponse"},
    {"UnlockRequest", "/v3/lock/unlock", "v3lockpb.UnlockResponse"},
    {"CampaignRequest", "/v3/election/campaign", "v3electionpb.CampaignResponse"},
    {"ProclaimRequest", "/v3/election/proclaim", "v3electionpb.ProclaimResponse"},
    {"LeaderRequest", "/v3/election/leader", "v3electionpb.LeaderResponse"},
    {"ResignRequest", "/v3/election/resign", "v3electionpb.ResignResponse"},
    {"MemberListRequest", "/v3/cluster/member/list", "etcdserverpb.MemberListResponse"},
    {"MemberAddRequest", "/v3/cluster/member/add", "etcdserverpb.MemberAddResponse"},
    {"MemberRemoveRequest", "/v3/cluster/member/remove", "etcdserverpb.MemberRemoveResponse"},
    {"MemberPromoteRequest", "/v3/cluster/member/promote", "etcdserverpb.MemberPromoteResponse"},
    {"MemberUpdateRequest", "/v3/cluster/member/update", "etcdserverpb.MemberUpdateResponse"},
    {"StatusRequest", "/v3/maintenance/status", "etcdserverpb.StatusResponse"},
    {"AlarmRequest", "/v3/maintenance/alarm", "etcdserverpb.AlarmResponse"},
    {"HashRequest", "/v3/maintenance/hash", "etcdserverpb.HashResponse"},
    {"HashKVRequest", "/v3/maintenance/hashkv", "etcdserverpb.HashKVResponse"},
    {"DefragmentRequest", "/v3/maintenance/defragment", "etcdserverpb.DefragmentResponse"},
    {"MoveLeaderRequest", "/v3/maintenance/transfer-leadership", "etcdserverpb.MoveLeaderResponse"},
};

const Mapping& MappingOf(const Message& request) {
  return *std::find_if(std::begin(kMappings), std::end(kMappings), [&](const Mapping& mapping) {
    return request.GetDescriptor()->name() == mapping.message;
  });
}

std::shared_ptr<Message> NewMessage(const std::string& type) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  return std::shared_ptr<Message>(factory->GetPrototype(descriptor)->New());
}

// The value of the result of a stream's line; the line itself for what is none.
std::string Unwrapped(const std::string& line) {
  constexpr absl::string_view kBegin = "{\"result\":";
  if (!absl::StartsWith(line, kBegin) || line.back() != '}') return line;
  return line.substr(kBegin.size(), line.size() - kBegin.size() - 1);
}

// The text of an error's body.
std::string ErrorText(const std::string& body) {
  google::protobuf::Struct object;
  if (!util::JsonStringToMessage(body, &object).ok()) return body;
  const auto found = object.fields().find("message");
  return found == object.fields().end() ? body : found->second.string_value();
}

class GatewayWatch : public WatchStream {
 public:
  GatewayWatch(const std::string& endpoint, const IdNames& names)
      : connection_(endpoint), names_(names) {}

  // A gateway's watch is created by its request's body; only one is compared here.
  void Send(const WatchRequest& request) override {
    if (!request.has_create_request() || opened_) return;
    opened_ = true;
    std::string body;
    util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    if (!util::MessageToJsonString(request, &body, options).ok()) return;
    const HttpReply head = connection_.Begin("/v3/watch", body);
    if (head.status != 200) end_ = absl::StrCat("HTTP ", head.status);
  }

  bool Read(WatchResponse& response) override {
    if (!end_.empty()) return false;
    const auto line = connection_.ReadLine();
    if (!line) {
      end_ = "the end of the body";
      return false;
    }
    const auto parsed = util::JsonStringToMessage(Unwrapped(*line), &response);
    if (!parsed.ok()) {
      end_ = absl::StrCat("no watch response: ", *line);
      return false;
    }
    Normalise(names_, response);
    return true;
  }

  const std::string& end() const override { return end_; }

 private:
  HttpConnection connection_;
  const IdNames& names_;
  bool opened_ = false;
  std::string end_;
};

class GatewayServer : public Server {
 public:
  GatewayServer(const std::string& endpoint, uint64_t seed)
      : endpoint_(endpoint), connection_(endpoint), random_(seed) {}

  Answer Call(const Request& request, int64_t handle) override {
    Request own = request;
    std::visit([this](auto& message) { names_.ToServer(message); }, own);
    const Message& message =
        std::visit([](const auto& one) -> const Message& { return one; }, std::as_const(own));
    const Mapping& mapping = MappingOf(message);
    HttpReply reply = connection_.Post(mapping.path, Body(message));
    Answer answer{.code = reply.status == 200 ? 0 : reply.status};
    answer.message = NewMessage(mapping.response);
    const std::string body = Unwrapped(std::string(absl::StripAsciiWhitespace(reply.body)));
    util::JsonParseOptions lenient;
    lenient.ignore_unknown_fields = true;
    if (answer.code != 0 || !util::JsonStringToMessage(body, answer.message.get(), lenient).ok()) {
      answer.message = nullptr;
    }
    if (NamesAnId(request) && answer.message != nullptr) names_.Learn(handle, *answer.message);
    if (answer.code != 0) answer.error = ErrorText(reply.body);
    answer.form = absl::StrCat("HTTP ", reply.status, " ", reply.content_type,
                               names_.TextToDriver(JsonShape(reply.body)), "\n");
    if (answer.message != nullptr) Normalise(names_, *answer.message);
    return answer;
  }

  std::unique_ptr<WatchStream> OpenWatch() override {
    return std::make_unique<GatewayWatch>(endpoint_, names_);
  }

  const std::string& endpoint() const override { return endpoint_; }

 private:
  // The request in one of the forms that a gateway takes.
  std::string Body(const Message& request) {
    util::JsonPrintOptions options;
    options.preserve_proto_field_names = random_.Chance(70);
    options.always_print_primitive_fields = random_.Chance(10);
    options.always_print_enums_as_ints = random_.Chance(20);
    options.add_whitespace = random_.Chance(10);
    std::string body;
    const auto printed = util::MessageToJsonString(request, &body, options);
    return printed.ok() ? body : "{}";
  }

  const std::string endpoint_;
  HttpConnection connection_;
  Random random_;
  IdNames names_;
};

}  // namespace

std::string JsonShape(const std::string& body) {
  Value value;
  const std::string text(absl::StripAsciiWhitespace(body));
  if (!util::JsonStringToMessage(text, &value).ok()) return absl::StrCat("\nnot JSON: ", body);
  return Shape(value, "", "");
}

std::unique_ptr<Server> ConnectGateway(const std::string& endpoint, uint64_t seed) {
  return std::make_unique<GatewayServer>(endpoint, seed);
}

}  // namespace keelson::differential
