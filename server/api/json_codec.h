// Protobuf messages to JSON and back, by their descriptors and protobuf's own library.
//
// What is read: names as in the .proto or in lowerCamel, numbers also as strings, bytes in either
// alphabet of base64 with or without padding, enums by name or number, null for what is not set;
// unknown names are skipped. What is written: names as in the .proto, 64-bit numbers as strings,
// nothing for what has its default value, all on one line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf::util {
class TypeResolver;
}

namespace keelson::server {

// Any thread, also several at once.
class JsonCodec {
 public:
  JsonCodec();
  ~JsonCodec();

  // `type` is a message's full name ("etcdserverpb.PutRequest") whose .proto is linked in.
  // InvalidArgument for what is no such message.
  absl::StatusOr<std::string> ToProto(std::string_view type, std::string_view json) const;

  // REQUIRES: `bytes` are such a message.
  absl::StatusOr<std::string> ToJson(std::string_view type, std::string_view bytes) const;

 private:
  const std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
};

// `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

}  // namespace keelson::server
