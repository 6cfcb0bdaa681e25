// gRPC's server reflection (v1 and v1alpha): the descriptors of what this server serves, and of
// nothing else.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "server/api/call.h"

namespace google::protobuf {
class FileDescriptor;
}
namespace grpc::reflection::v1 {
class ServerReflectionRequest;
class ServerReflectionResponse;
}  // namespace grpc::reflection::v1

namespace keelson::server {

class Methods;

// Loop thread only. Outlives its calls, and `methods` it.
class ReflectionService {
 public:
  explicit ReflectionService(const Methods& methods) : methods_(methods) {}
  void AddTo(Methods& methods);

 private:
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;

  void Start(const std::shared_ptr<Call>& call);
  Response Answer(const Request& request);
  // Looks up what is served; at the first question, when all methods are there.
  void Load();
  void AddFile(const google::protobuf::FileDescriptor& file);
  const google::protobuf::FileDescriptor* FileOfSymbol(const std::string& symbol) const;
  void AnswerFile(const google::protobuf::FileDescriptor* file, Response* response) const;

  const Methods& methods_;
  std::set<std::string> services_;            // full names
  std::set<std::string> served_;              // full names of methods, "pkg.Service.Method"
  std::map<std::string, std::string> files_;  // by name: serialized, without what is not served
};

}  // namespace keelson::server
