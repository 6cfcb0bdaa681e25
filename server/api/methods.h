// The table of all RPCs that this server answers, and the adapters with which services fill it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "server/api/call.h"
#include "server/api/rights.h"

namespace keelson::server {

// Ends a unary call: with a message and OK, or with an error.
void Answer(Call& call, const google::protobuf::MessageLite& response);
void Answer(Call& call, const absl::Status& error);

// The status of a request whose bytes are no such message.
absl::Status Undecodable();

class Methods final : public MethodTable {
 public:
  using Start = std::function<void(std::shared_ptr<Call>, std::string_view request)>;
  // Looks at a call before its handler; an error ends the call with it. The right is the method's.
  using Gate = std::function<absl::Status(const CallContext&, Right)>;

  // `gate` runs before every method added.
  explicit Methods(Gate gate) : gate_(std::move(gate)) {}

  // `path` is a literal, "/package.Service/Method". REQUIRES: rights.cc has a row for it.
  void Add(std::string_view path, Method::Kind kind, Start start);

  // A unary method whose handler gets the decoded request, and the bytes as they came (valid
  // during the call only).
  template <typename Request>
  void AddUnary(std::string_view path,
                std::function<void(std::shared_ptr<Call>, Request, std::string_view)> handler) {
    Add(path, Method::Kind::kUnary,
        [handler = std::move(handler)](std::shared_ptr<Call> call, std::string_view bytes) {
          Request request;
          if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
            return Answer(*call, Undecodable());
          }
          handler(std::move(call), std::move(request), bytes);
        });
  }

  // Lets `around` go before a method that was added: it gets the call first, and lets the gate and
  // the handler have it, at once or later, or ends it. Nothing for a method that is not there.
  using Around =
      std::function<void(std::shared_ptr<Call>, std::string_view request, const Start& go_on)>;
  void Surround(std::string_view path, Around around);

  const Method* Find(std::string_view path) const override;
  bool HasService(std::string_view path) const override;

  // All methods, by path.
  std::vector<const Method*> All() const;

 private:
  Gate gate_;
  absl::flat_hash_map<std::string, Method> methods_;
  std::vector<std::unique_ptr<MethodCounts>> counts_;
  absl::flat_hash_set<std::string> services_;
};

}  // namespace keelson::server
