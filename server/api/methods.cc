#include "server/api/methods.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace keelson::server {

void Answer(Call& call, const google::protobuf::MessageLite& response) {
  SharedBody body;
  response.SerializeToString(&body.head);
  call.Send(std::move(body));
  call.Finish(absl::OkStatus());
}

void Answer(Call& call, const absl::Status& error) {
  KEELSON_CHECK(!error.ok(), "a call that ends well has a response");
  call.Finish(error);
}

absl::Status Undecodable() {
  return absl::InternalError(
      "grpc: error unmarshalling request: proto: cannot parse invalid "
      "wire-format data");
}

void Methods::Add(std::string_view path, Method::Kind kind, Start start) {
  const std::optional<Right> right = RightOf(path);
  KEELSON_CHECK(right.has_value(), "a method has a row in rights.cc");
  Method method;
  method.path = path;
  method.kind = kind;
  method.start = [this, right = *right, start = std::move(start)](std::shared_ptr<Call> call,
                                                                  std::string_view request) {
    if (const absl::Status refusal = gate_(call->context(), right); !refusal.ok()) {
      return Answer(*call, refusal);
    }
    start(std::move(call), request);
  };
  counts_.push_back(std::make_unique<MethodCounts>());
  method.counts = counts_.back().get();
  KEELSON_CHECK(methods_.emplace(std::string(path), std::move(method)).second,
                "a method is added once");
  services_.insert(std::string(path.substr(0, path.rfind('/') + 1)));
}

void Methods::Surround(std::string_view path, Around around) {
  const auto found = methods_.find(std::string(path));
  if (found == methods_.end()) return;
  Start& start = found->second.start;
  start = [around = std::move(around), go_on = std::move(start)](std::shared_ptr<Call> call,
                                                                 std::string_view request) {
    around(std::move(call), request, go_on);
  };
}

const Method* Methods::Find(std::string_view path) const {
  const auto found = methods_.find(std::string(path));
  return found == methods_.end() ? nullptr : &found->second;
}

std::vector<const Method*> Methods::All() const {
  std::vector<const Method*> all;
  for (const auto& [path, method] : methods_) all.push_back(&method);
  std::sort(all.begin(), all.end(),
            [](const Method* a, const Method* b) { return a->path < b->path; });
  return all;
}

bool Methods::HasService(std::string_view path) const {
  return services_.contains(std::string(path.substr(0, path.rfind('/') + 1)));
}

}  // namespace keelson::server
