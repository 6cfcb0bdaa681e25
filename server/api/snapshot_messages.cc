#include "server/api/snapshot_messages.h"

#include <string>

#include "proto/etcd/rpc.pb.h"
#include "server/node/node_options.h"

namespace keelson::server {
namespace {

// Read at once, in less than a millisecond.
constexpr size_t kMessagesAtOnce = 8;

std::string MessageOf(std::string_view blob, uint64_t left) {
  etcdserverpb::SnapshotResponse response;
  response.set_remaining_bytes(left);
  response.set_blob(blob.data(), blob.size());
  response.set_version(kStorageVersion);
  return response.SerializeAsString();
}

}  // namespace

absl::StatusOr<MessageSource::Batch> SnapshotMessages::Next() {
  Batch batch;
  while (batch.messages.size() < kMessagesAtOnce && archive_.left_bytes() > 0) {
    // Whole messages: the archive's files may end anywhere.
    std::string blob;
    while (blob.size() < kBlobBytes && archive_.left_bytes() > 0) {
      const auto piece = archive_.Next(kBlobBytes - blob.size());
      if (!piece.ok()) return piece.status();
      blob += *piece;
    }
    batch.messages.push_back(MessageOf(blob, archive_.left_bytes()));
  }
  if (archive_.left_bytes() == 0) {
    batch.messages.push_back(MessageOf(archive_.Finish(), 0));
    batch.last = true;
  }
  return batch;
}

}  // namespace keelson::server
