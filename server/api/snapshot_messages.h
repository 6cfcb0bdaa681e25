// Maintenance.Snapshot: the member's state as an archive (storage/snapshot/archive.h), in messages.
#pragma once

#include <memory>
#include <string_view>

#include "server/api/paced_stream.h"
#include "storage/snapshot/archive.h"

namespace keelson::server {

// Messages with kBlobBytes of the archive each, which count down what is left of it, and one with
// its checksum. Holds the checkpoint's files until it is let go.
class SnapshotMessages final : public MessageSource {
 public:
  // Clients expect no more.
  static constexpr size_t kBlobBytes = 32 << 10;

  explicit SnapshotMessages(std::shared_ptr<const storage::Checkpoint> checkpoint)
      : archive_(std::move(checkpoint)) {}

  absl::StatusOr<Batch> Next() override;

 private:
  storage::ArchiveWriter archive_;
};

}  // namespace keelson::server
