// Recovery: from a data directory to a node that knows where it was.
//
//   DIR/member/identity   whose directory it is
//   DIR/member/wal/       the log
//   DIR/member/db/        the store, behind a pointer that a snapshot install switches
//   DIR/member/lock       held while a process runs on it
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "raft/config_codec.h"
#include "server/node/node_impl.h"
#include "storage/snapshot/store_dir.h"
#include "storage/wal/sync_probe.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

std::string MemberPath(const NodeOptions& options, std::string_view name) {
  return storage::JoinPath(storage::JoinPath(options.data_dir, "member"), name);
}

int TicksPerElection(const NodeOptions& options) {
  return static_cast<int>(options.election_timeout / options.heartbeat);
}

}  // namespace

absl::Status Node::Impl::Open() {
  if (auto status = storage::CreateDirectoriesDurably(*seams.fs, MemberPath(options, ""));
      !status.ok()) {
    return status;
  }
  auto locked = seams.fs->Lock(MemberPath(options, "lock"));
  if (!locked.ok()) {
    return absl::Status(locked.status().code(),
                        absl::StrCat("--data-dir ", options.data_dir,
                                     " is in use by another process: ", locked.status().message()));
  }
  lock = *std::move(locked);
  auto found = OpenIdentity(*seams.fs, options, seams.random);
  if (!found.ok()) return found.status();
  identity = *std::move(found);
  do boot_id = seams.random();
  while (boot_id == 0);
  return OpenLogAndStore();
}

absl::Status Node::Impl::OpenLogAndStore() {
  auto store = OpenStore();
  if (!store.ok()) return store.status();
  machine = std::make_unique<Machine>(*std::move(store), Origin{identity.member.value(), boot_id});
  if (auto status = machine->Load(); !status.ok()) return status;
  storage::WalRecovery found;
  if (auto status = OpenLog(&found); !status.ok()) return status;
  if (auto status = MakeCore(found); !status.ok()) return status;
  MakeParts();
  seams.logger->Info(kCaller, "recovered",
                     {{"applied-index", machine->applied().value()},
                      {"committed-index", ready_at_.value()},
                      {"last-index", core->last().index.value()},
                      {"term", core->term().value()},
                      {"revision", machine->store().revision()}});
  return absl::OkStatus();
}

}  // namespace keelson::server
