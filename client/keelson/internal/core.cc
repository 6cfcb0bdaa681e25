#include "client/keelson/internal/core.h"

#include <algorithm>
#include <random>
#include <utility>

#include "client/keelson/internal/random_id.h"

namespace keelson::client::internal {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(25);
constexpr int kMaxDoublings = 5;

}  // namespace

Core::Core(ClientOptions options, std::vector<std::string> addresses,
           std::shared_ptr<Scheduler> scheduler, std::shared_ptr<Transport> transport)
    : options_(std::move(options)),
      scheduler_(std::move(scheduler)),
      transport_(std::move(transport)),
      endpoints_(std::move(addresses)),
      names_(RandomId()),
      jitter_state_(std::random_device{}()) {}

absl::Duration Core::Backoff(int attempt) {
  const std::lock_guard lock(mutex_);
  jitter_state_ = jitter_state_ * 6364136223846793005ULL + 1442695040888963407ULL;
  // Between half and the whole of the step, so that clients of a failed member spread out.
  const double part = 0.5 + 0.5 * static_cast<double>(jitter_state_ >> 40) / (1 << 24);
  return kFirstBackoff * (1 << std::clamp(attempt - 1, 0, kMaxDoublings)) * part;
}

const std::string* Find(const Metadata& metadata, std::string_view key) {
  for (const auto& [name, value] : metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace keelson::client::internal
