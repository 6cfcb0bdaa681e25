#include "server/node/restore.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/apply/cluster_facts.h"
#include "server/node/identity.h"
#include "storage/snapshot/archive.h"
#include "storage/snapshot/install.h"
#include "storage/wal/wal.h"

namespace keelson::server {
namespace {

using storage::ArchiveReader;
using storage::FileSystem;
using storage::JoinPath;

// What an interrupted restore left behind does not count.
constexpr char kStaging[] = ".restoring";
// In there: the directory in which the restore began a log, found empty before.
constexpr char kLogMark[] = "log-directory";
constexpr size_t kMarkBytes = 64 << 10;

absl::Status CheckFree(FileSystem& fs, const std::string& flag, const std::string& dir) {
  auto names = fs.List(dir);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  std::erase(*names, kStaging);
  if (names->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--", flag, " ", dir, " is not empty; name another directory, or move it away"));
}

// Takes back a log that a restore, interrupted since, began in `wal_dir`: as `mark` says.
absl::Status ClearLog(FileSystem& fs, const std::string& mark, const std::string& wal_dir) {
  const auto marked = storage::ReadFile(fs, mark, kMarkBytes);
  if (absl::IsNotFound(marked.status())) return absl::OkStatus();
  if (!marked.ok()) return marked.status();
  if (*marked != wal_dir) return absl::OkStatus();
  const auto names = fs.List(wal_dir);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (auto status = fs.RemoveAll(JoinPath(wal_dir, name)); !status.ok()) return status;
  }
  return fs.SyncDirectory(wal_dir);
}

ArchiveReader::Progress Telling(const RestoreOptions& options, const char* what) {
  if (!options.progress) return {};
  return [&options, what](uint64_t done, uint64_t total) { options.progress(what, done, total); };
}

// The archive's files as the current generation of `root`.
absl::Status Unpack(FileSystem& fs, const ArchiveReader& archive, const std::string& root,
                    const RestoreOptions& options) {
  if (auto status = storage::CreateDirectoriesDurably(fs, root); !status.ok()) return status;
  auto receiver = storage::SnapshotReceiver::Begin(&fs, root, archive.facts().manifest);
  if (!receiver.ok()) return receiver.status();
  if (auto status = archive.Unpack(**receiver, Telling(options, "restoring")); !status.ok()) {
    return status;
  }
  const auto generation = storage::SealReceived(**receiver);
  if (!generation.ok()) return generation.status();
  return storage::SwitchCurrent(&fs, root, *generation);
}

// Nothing of the old cluster stays but its data.
absl::Status MakeAnew(storage::MvccStore& store, int64_t bump_revision) {
  ClusterFacts facts;
  if (auto status = facts.Load(store); !status.ok()) return status;
  {
    const auto batch = store.NewBatch();
    facts.ForgetMembers(*batch);
    if (bump_revision > 0) batch->SkipRevisions(bump_revision);
    // Without an applied configuration the identity's counts.
    const auto committed = batch->Commit(store.applied(), std::string());
    if (!committed.ok()) return committed.status();
  }
  auto flush = store.StartFlush();
  if (!flush.ok()) return flush.status();
  KEELSON_CHECK(*flush != nullptr, "there is something to flush");
  return (*flush)->Run();
}

// A log that begins behind what the store has applied.
absl::Status BeginLog(FileSystem& fs, const std::string& dir, const Identity& identity,
                      raft::EntryId applied, uint64_t segment_bytes, const Random& random) {
  if (auto status = storage::CreateDirectoriesDurably(fs, dir); !status.ok()) return status;
  storage::WalOptions options;
  options.identity = {identity.cluster_id, identity.member.value()};
  options.segment_bytes = segment_bytes;
  options.on_demand_bytes = std::min(options.on_demand_bytes, segment_bytes);
  options.random = random;
  storage::WalRecovery found;
  auto wal = storage::Wal::Open(&fs, dir, std::move(options), &found);
  if (!wal.ok()) return wal.status();
  (*wal)->SaveSnapshotMarker(applied, {applied.term, raft::NodeId(), applied.index});
  auto write = (*wal)->TakeWrite();
  KEELSON_CHECK(write != nullptr, "a marker is something to write");
  (void)write->Run();
  return (*wal)->WriteDone(std::move(write));
}

}  // namespace

absl::StatusOr<Restored> RestoreMember(FileSystem& fs, const RestoreOptions& options,
                                       const Random& random) {
  KEELSON_CHECK(!options.member.initial_cluster_existing, "a restored member begins a cluster");
  const std::string& dir = options.member.data_dir;
  const std::string& wal_dir = options.member.wal_dir;
  if (auto status = CheckFree(fs, "data-dir", dir); !status.ok()) return status;
  const std::string mark = JoinPath(JoinPath(dir, kStaging), kLogMark);
  if (!wal_dir.empty()) {
    if (auto status = ClearLog(fs, mark, wal_dir); !status.ok()) return status;
    if (auto status = CheckFree(fs, "wal-dir", wal_dir); !status.ok()) return status;
  }
  const auto archive = ArchiveReader::Open(&fs, options.archive);
  if (!archive.ok()) return archive.status();
  if (!options.skip_checksum) {
    if (auto status = (*archive)->Verify(Telling(options, "checking")); !status.ok()) return status;
  }

  NodeOptions staged = options.member;
  staged.data_dir = JoinPath(dir, kStaging);
  if (auto status = fs.RemoveAll(staged.data_dir); !status.ok()) return status;
  const auto identity = OpenIdentity(fs, staged, random);
  if (!identity.ok()) return identity.status();
  const std::string member_dir = JoinPath(staged.data_dir, "member");
  const std::string root = JoinPath(member_dir, "db");
  if (auto status = Unpack(fs, **archive, root, options); !status.ok()) return status;

  Restored restored{identity->cluster_id, identity->member.value(), 0, (*archive)->facts().keys};
  raft::EntryId applied;
  {
    storage::MvccOptions store_options;
    store_options.fs = options.store_fs;
    store_options.manual_background = staged.manual_background;
    auto opened = storage::OpenCurrent(&fs, root, store_options);
    if (!opened.ok()) return opened.status();
    if (auto status = MakeAnew(*opened->store, options.bump_revision); !status.ok()) return status;
    applied = opened->store->applied();
    restored.revision = opened->store->revision();
  }
  if (!wal_dir.empty()) {
    if (auto status = storage::WriteFileDurably(fs, mark, wal_dir); !status.ok()) return status;
  }
  const auto begun = BeginLog(fs, wal_dir.empty() ? JoinPath(member_dir, "wal") : wal_dir,
                              *identity, applied, staged.wal_segment_bytes, random);
  if (!begun.ok()) return begun;
  if (auto status = fs.Rename(member_dir, JoinPath(dir, "member")); !status.ok()) return status;
  if (auto status = fs.RemoveAll(staged.data_dir); !status.ok()) return status;
  if (auto status = fs.SyncDirectory(dir); !status.ok()) return status;
  return restored;
}

}  // namespace keelson::server
