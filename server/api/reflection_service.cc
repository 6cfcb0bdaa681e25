#include "server/api/reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proto/grpc/reflection.pb.h"
#include "proto/grpc/reflection_v1alpha.pb.h"
#include "server/api/methods.h"

namespace keelson::server {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

constexpr std::string_view kPaths[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

void NotFound(std::string text, grpc::reflection::v1::ServerReflectionResponse* response) {
  auto* error = response->mutable_error_response();
  error->set_error_code(static_cast<int>(absl::StatusCode::kNotFound));
  error->set_error_message(std::move(text));
}

}  // namespace

void ReflectionService::AddTo(Methods& methods) {
  // Its messages are v1's on the wire, so no other use is made of them; but the linker takes only
  // files of which something is named.
  KEELSON_CHECK(grpc::reflection::v1alpha::ServerReflectionRequest::descriptor() != nullptr,
                "the older version can be described");
  for (const std::string_view path : kPaths) {
    methods.Add(path, Method::Kind::kBidi,
                [this](const std::shared_ptr<Call>& call, std::string_view) { Start(call); });
  }
}

void ReflectionService::Start(const std::shared_ptr<Call>& call) {
  Call::Events events;
  events.on_message = [this, call](std::string_view bytes) {
    Request request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return call->Finish(Undecodable());
    }
    call->Send({Answer(request).SerializeAsString(), nullptr});
    if (call->pending_bytes() >= Call::kHighWater) call->PauseReading(true);
  };
  events.on_half_close = [call] { call->Finish(absl::OkStatus()); };
  events.on_writable = [call] { call->PauseReading(false); };
  call->SetEvents(std::move(events));
}

void ReflectionService::Load() {
  for (const Method* method : methods_.All()) {
    std::string name(method->path.substr(1));
    std::replace(name.begin(), name.end(), '/', '.');
    const auto* descriptor = Pool().FindMethodByName(name);
    if (descriptor == nullptr) continue;  // a service without a .proto can't be described
    served_.insert(std::move(name));
    services_.insert(descriptor->service()->full_name());
  }
  for (const std::string& service : services_) AddFile(*Pool().FindServiceByName(service)->file());
}

void ReflectionService::AddFile(const FileDescriptor& file) {
  if (files_.contains(file.name())) return;
  google::protobuf::FileDescriptorProto all, shown;
  file.CopyTo(&all);
  shown = all;
  shown.clear_service();
  for (const auto& service : all.service()) {
    const std::string name = absl::StrCat(file.package(), ".", service.name());
    if (!services_.contains(name)) continue;
    auto* kept = shown.add_service();
    *kept = service;
    kept->clear_method();
    for (const auto& method : service.method()) {
      if (served_.contains(absl::StrCat(name, ".", method.name()))) *kept->add_method() = method;
    }
  }
  files_[file.name()] = shown.SerializeAsString();
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i));
}

const FileDescriptor* ReflectionService::FileOfSymbol(const std::string& symbol) const {
  if (Pool().FindServiceByName(symbol) != nullptr && !services_.contains(symbol)) return nullptr;
  if (Pool().FindMethodByName(symbol) != nullptr && !served_.contains(symbol)) return nullptr;
  return Pool().FindFileContainingSymbol(symbol);
}

// The file and all that it imports, each once.
void ReflectionService::AnswerFile(const FileDescriptor* file, Response* response) const {
  if (file == nullptr || !files_.contains(file->name())) {
    return NotFound("no such file, type, service or method is served", response);
  }
  std::vector<const FileDescriptor*> files = {file};
  for (size_t i = 0; i < files.size(); ++i) {
    for (int k = 0; k < files[i]->dependency_count(); ++k) {
      const FileDescriptor* imported = files[i]->dependency(k);
      if (std::find(files.begin(), files.end(), imported) == files.end()) files.push_back(imported);
    }
    response->mutable_file_descriptor_response()->add_file_descriptor_proto(
        files_.at(files[i]->name()));
  }
}

ReflectionService::Response ReflectionService::Answer(const Request& request) {
  if (files_.empty()) Load();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      AnswerFile(Pool().FindFileByName(request.file_by_filename()), &response);
      break;
    case Request::kFileContainingSymbol:
      AnswerFile(FileOfSymbol(request.file_containing_symbol()), &response);
      break;
    case Request::kListServices:
      for (const std::string& service : services_) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    case Request::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      if (FileOfSymbol(type) == nullptr) {
        NotFound("no such type is served", &response);
      } else {
        response.mutable_all_extension_numbers_response()->set_base_type_name(type);
      }
      break;
    }
    case Request::kFileContainingExtension:
      NotFound("no type that is served has an extension", &response);
      break;
    case Request::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(
          static_cast<int>(absl::StatusCode::kInvalidArgument));
      response.mutable_error_response()->set_error_message("the request asks for nothing");
      break;
  }
  return response;
}

}  // namespace keelson::server
