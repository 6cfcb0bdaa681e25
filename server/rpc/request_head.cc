#include "server/rpc/request_head.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/view.h"
#include "server/rpc/grpc_text.h"

namespace keelson::server {
namespace {

// What RFC 9113 section 6.5.2 counts for a field beyond its name and value.
constexpr size_t kFieldOverhead = 32;

}  // namespace

void RequestHead::Add(std::string_view name, std::string_view value, size_t max_bytes) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (bytes_ > max_bytes) {
    too_large_ = true;
    return;
  }
  if (!name.empty() && name[0] == ':') return AddPseudo(name, value);
  if (AddReserved(name, value)) return;
  fields_.emplace_back(name, value);
}

void RequestHead::AddPseudo(std::string_view name, std::string_view value) {
  if (name == ":path") {
    path_ = value;
  } else if (name == ":method") {
    method_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  }
}

// True if the field is one of the protocol's own, which nobody above sees.
bool RequestHead::AddReserved(std::string_view name, std::string_view value) {
  if (name == "te") return true;
  if (name == "content-type") {
    is_grpc_ = IsGrpcContentType(value);
    return is_grpc_;
  }
  if (name.substr(0, 5) != "grpc-") return false;
  if (name == "grpc-timeout") {
    timeout_ = ParseGrpcTimeout(value);
    if (!timeout_) {
      grpc_error_ = absl::InternalError(absl::StrCat("malformed grpc-timeout: \"", ToAbsl(value),
                                                     "\"; want digits and one of HMSmun"));
    }
    return true;
  }
  if (name == "grpc-encoding") {
    if (value != "identity") {
      grpc_error_ = absl::UnimplementedError(absl::StrCat(
          "grpc: Decompressor is not installed for grpc-encoding \"", ToAbsl(value), "\""));
    }
    return true;
  }
  return name == "grpc-accept-encoding" || name == "grpc-message-type" || name == "grpc-status" ||
         name == "grpc-message";
}

void RequestHead::DecodeBinaryFields() {
  std::vector<std::pair<std::string, std::string>> decoded;
  decoded.reserve(fields_.size());
  for (auto& [name, value] : fields_) {
    if (!IsBinaryKey(name)) {
      decoded.emplace_back(std::move(name), std::move(value));
      continue;
    }
    // Several values of one key may have been joined by commas on the way.
    for (absl::string_view part : absl::StrSplit(value, ',')) {
      auto bytes = DecodeBinary(ToStd(part));
      if (!bytes) {
        grpc_error_ =
            absl::InternalError(absl::StrCat("malformed binary metadata in header \"", name, "\""));
        return;
      }
      decoded.emplace_back(name, std::move(*bytes));
    }
  }
  fields_ = std::move(decoded);
}

void RequestHead::Complete() {
  if (!is_grpc_) return;
  for (const auto& field : fields_) {
    if (IsBinaryKey(field.first)) return DecodeBinaryFields();
  }
}

}  // namespace keelson::server
