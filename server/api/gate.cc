#include "server/api/gate.h"

#include <string_view>

#include "server/apply/errors.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

// Whether `text` is well-formed UTF-8 (RFC 3629).
bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i]);
    size_t length = lead < 0x80                   ? 1
                    : lead >= 0xc2 && lead < 0xe0 ? 2
                    : (lead & 0xf0) == 0xe0       ? 3
                    : lead >= 0xf0 && lead < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

// Of Range only what is serializable; the request tells that.
bool ServedByLearners(std::string_view method) {
  return method == "/etcdserverpb.Maintenance/Status" || method == "/etcdserverpb.KV/Range" ||
         method == "/etcdserverpb.Maintenance/Snapshot";
}

}  // namespace

absl::Status CheckCall(const Node& node, const CallContext& context) {
  if (IsLearner(node) && !ServedByLearners(context.method)) {
    return errors::NotSupportedForLearner();
  }
  if (const auto version = context.Find("client-api-version"); version && !IsUtf8(*version)) {
    return errors::InvalidClientApiVersion();
  }
  if (RequiresLeader(context) && !node.HasLeader()) return errors::NoLeader();
  return absl::OkStatus();
}

bool IsLearner(const Node& node) { return node.configuration().IsLearner(node.identity().member); }

}  // namespace keelson::server
