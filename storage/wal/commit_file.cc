#include "storage/wal/commit_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"

namespace keelson::storage {

CommitFile::CommitFile(std::unique_ptr<File> file, WalIdentity identity) : file_(std::move(file)) {
  last_.identity = identity;
}

absl::StatusOr<std::unique_ptr<CommitFile>> CommitFile::Open(FileSystem* fs, const std::string& dir,
                                                             WalIdentity identity, bool log_is_new,
                                                             std::vector<std::string>* notes) {
  const std::string path = JoinPath(dir, "commit");
  auto file = fs->Open(path, OpenMode::kCreateOrOpen);
  if (!file.ok()) return file.status();
  absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::unique_ptr<CommitFile> commit(new CommitFile(std::move(*file), identity));
  if (*size < kCommitFileBytes) {
    if (!log_is_new) notes->push_back(absl::StrCat("'", path, "' was missing; made anew"));
    commit->may_be_behind_ = !log_is_new;
    absl::Status status = commit->file_->Allocate(kCommitFileBytes);
    if (status.ok()) {
      status = commit->file_->WriteAt(0, std::string(kCommitFileBytes, '\0'));
    }
    if (status.ok()) status = commit->file_->Sync();
    if (status.ok()) status = fs->SyncDirectory(dir);
    if (!status.ok()) return status;
    return commit;
  }
  absl::Status status = commit->Load(notes);
  if (!status.ok()) return status;
  return commit;
}

absl::Status CommitFile::Load(std::vector<std::string>* notes) {
  const WalIdentity identity = last_.identity;
  for (uint64_t at : kCommitSlots) {
    std::string bytes(kCommitSlotBytes, '\0');
    absl::StatusOr<size_t> got = file_->ReadAt(at, bytes.size(), bytes.data());
    if (!got.ok()) return got.status();
    if (bytes.find_first_not_of('\0') == std::string::npos) continue;  // not written yet
    std::optional<CommitSlot> slot = DecodeCommitSlot(bytes);
    if (!slot.has_value()) {
      may_be_behind_ = true;
      notes->push_back(absl::StrCat("'", path(), "': the slot at ", at, " is damaged"));
      continue;
    }
    if (slot->identity != identity) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "'%s' belongs to member %x of cluster %x, not to member %x of cluster %x; start the "
          "member with its own data directory",
          path(), slot->identity.member_id, slot->identity.cluster_id, identity.member_id,
          identity.cluster_id));
    }
    if (slot->counter > last_.counter) last_ = *slot;
  }
  return absl::OkStatus();
}

absl::Status CommitFile::Write(raft::Index commit, uint64_t durable) {
  KEELSON_CHECK(commit >= last_.commit, "a commit index never falls");
  KEELSON_CHECK(durable >= last_.durable, "what is durable stays so");
  last_.commit = commit;
  last_.durable = durable;
  ++last_.counter;
  return file_->WriteAt(kCommitSlots[last_.counter % 2], EncodeCommitSlot(last_));
}

}  // namespace keelson::storage
