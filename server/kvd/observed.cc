#include "server/kvd/observed.h"

#include <algorithm>

namespace keelson::server {
namespace {

constexpr size_t kMaxVersions = 16;

// "3.6", which is what clients send.
bool IsVersion(std::string_view text) {
  return !text.empty() && text.size() <= 8 && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '.' || (c >= '0' && c <= '9');
  });
}

}  // namespace

void Observed::SetMethods(const std::vector<const Method*>& methods) {
  for (const Method* method : methods) {
    if (method->kind != Method::Kind::kUnary) streams_.insert(method->path);
  }
}

void Observed::OnApplied(std::span<const storage::Change> changes) {
  for (const storage::Change& change : changes) {
    if (change.deleted) {
      ++deletes_;
    } else {
      ++puts_;
      put_bytes_ += change.now->key.size() + change.now->value.size();
    }
  }
}

void Observed::OnCall(const CallContext& context) {
  std::string_view version = context.Find("client-api-version").value_or("unknown");
  const auto of = [this](std::string_view name) {
    return std::find_if(clients_.begin(), clients_.end(),
                        [name](const Client& client) { return client.version == name; });
  };
  auto found = of(version);
  if (found == clients_.end()) {
    const bool told_apart = version == "unknown" || IsVersion(version);
    if (!told_apart || clients_.size() >= kMaxVersions) version = "other";
    found = of(version);
    if (found == clients_.end()) found = clients_.insert(found, {std::string(version)});
  }
  ++(streams_.contains(context.method) ? found->streams : found->unary);
}

}  // namespace keelson::server
