#include "server/api/json_codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/view.h"
#include "server/api/utf8.h"

namespace keelson::server {
namespace {

namespace util = google::protobuf::util;

constexpr absl::string_view kUrlPrefix = "keelson";

std::string UrlOf(std::string_view type) { return absl::StrCat(kUrlPrefix, "/", ToAbsl(type)); }

// The library draws a picture behind its first line.
absl::Status Malformed(const std::string& text) {
  return absl::InvalidArgumentError(ToAbsl(std::string_view(text).substr(0, text.find('\n'))));
}

}  // namespace

JsonCodec::JsonCodec()
    : resolver_(util::NewTypeResolverForDescriptorPool(
          std::string(kUrlPrefix), google::protobuf::DescriptorPool::generated_pool())) {}

JsonCodec::~JsonCodec() = default;

absl::StatusOr<std::string> JsonCodec::ToProto(std::string_view type, std::string_view json) const {
  const std::string url = UrlOf(type);
  const google::protobuf::StringPiece text(json.data(), json.size());
  std::string bytes;
  util::JsonParseOptions strict;
  const auto status = util::JsonToBinaryString(resolver_.get(), url, text, &bytes, strict);
  if (status.ok()) return bytes;
  // To skip unknown fields the library must also take an enum's unknown names for its first value,
  // and a misspelled GREATER would compare for equality. So these are refused before: only their
  // text has the URL of a type.
  const std::string refusal(status.message().data(), status.message().size());
  if (refusal.find(absl::StrCat("for type ", kUrlPrefix, "/")) != std::string::npos) {
    return Malformed(refusal);
  }
  util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  bytes.clear();
  const auto again = util::JsonToBinaryString(resolver_.get(), url, text, &bytes, lenient);
  if (again.ok()) return bytes;
  return Malformed(std::string(again.message().data(), again.message().size()));
}

absl::StatusOr<std::string> JsonCodec::ToJson(std::string_view type, std::string_view bytes) const {
  util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      util::BinaryToJsonString(resolver_.get(), UrlOf(type), std::string(bytes), &json, options);
  if (status.ok()) return json;
  return absl::InternalError(
      absl::StrCat("grpc: no JSON for the answer: ",
                   ToAbsl({status.message().data(), status.message().size()})));
}

std::string JsonQuote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      quoted += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned>(c));
    } else {
      quoted.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  quoted += '"';
  return quoted;
}

}  // namespace keelson::server
