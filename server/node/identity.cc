#include "server/node/identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crc32c.h"
#include "base/view.h"
#include "proto/keelson/node.pb.h"
#include "raft/config_codec.h"
#include "server/log/logger.h"

namespace keelson::server {
namespace {

constexpr uint32_t kFormat = 1;
constexpr size_t kMaxIdentityBytes = 1 << 20;

// FNV-1a with a final mix, so that similar URLs give unlike ids.
uint64_t StableHash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;
}

std::string IdentityPath(const NodeOptions& options) {
  return storage::JoinPath(storage::JoinPath(options.data_dir, "member"), "identity");
}

std::string Encode(const Identity& identity) {
  v1::Identity message;
  message.set_format(kFormat);
  message.set_cluster_id(identity.cluster_id);
  message.set_member_id(identity.member.value());
  message.set_incarnation(identity.incarnation);
  message.set_name(identity.name);
  message.set_forced(identity.forced);
  if (!identity.initial_configuration.members.empty()) {
    message.set_initial_configuration(raft::EncodeConfiguration(identity.initial_configuration));
  }
  const std::string body = message.SerializeAsString();
  const uint32_t crc = Crc32c(body);
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(crc >> shift));
  return bytes + body;
}

absl::StatusOr<Identity> Decode(std::string_view bytes, const std::string& path) {
  const auto damaged = [&path](std::string_view why) {
    return absl::DataLossError(absl::StrCat(
        path, ": ", ToAbsl(why), "; restore the directory, or remove the member and add it anew"));
  };
  if (bytes.size() < 4) return damaged("too short");
  uint32_t crc = 0;
  for (int i = 0; i < 4; ++i) crc |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  bytes.remove_prefix(4);
  if (crc != Crc32c(bytes)) return damaged("its checksum is wrong");
  v1::Identity message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return damaged("it can't be decoded");
  }
  if (message.format() != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": format ", message.format(), ", this version reads ", kFormat));
  }
  Identity identity{message.cluster_id(),
                    raft::NodeId(message.member_id()),
                    message.incarnation(),
                    message.name(),
                    {},
                    message.forced()};
  if (!message.initial_configuration().empty()) {
    auto configuration = raft::DecodeConfiguration(message.initial_configuration());
    if (!configuration.ok()) return configuration.status();
    identity.initial_configuration = *std::move(configuration);
  }
  return identity;
}

// The identity is the first thing that is written. So where there is none there must be no log and
// no store: a member that begins anew on top of them would look as if all data were lost.
absl::Status CheckFresh(storage::FileSystem& fs, const NodeOptions& options) {
  const std::string member_dir = storage::JoinPath(options.data_dir, "member");
  for (const char* name : {"snap", "wal", "db"}) {
    const std::string dir = storage::JoinPath(member_dir, name);
    const auto exists = fs.Exists(dir);
    if (!exists.ok()) return exists.status();
    if (!*exists) continue;
    const auto files = fs.List(dir);
    if (!files.ok()) return files.status();
    if (files->empty()) continue;
    if (std::string_view(name) == "snap") {
      return absl::FailedPreconditionError(absl::StrCat(
          "--data-dir ", options.data_dir,
          " holds data of etcd, whose files this server does not read; start with an empty "
          "directory and bring the keys over (kvctl export from etcd, kvctl import here)"));
    }
    return absl::FailedPreconditionError(
        absl::StrCat(IdentityPath(options), " is missing, but ", dir,
                     " is not empty; restore the directory, or remove the member and add it anew, "
                     "on an empty one"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Identity> MakeIdentity(const NodeOptions& options, const Random& random) {
  if (options.force_new_cluster) {
    return absl::FailedPreconditionError(
        absl::StrCat("--force-new-cluster: --data-dir ", options.data_dir,
                     " is empty, there is nothing to go on with; name the directory of the member "
                     "that has the data, or leave the flag out"));
  }
  const auto self = options.initial_cluster.find(options.name);
  if (self == options.initial_cluster.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--initial-cluster doesn't name this member: no \"", options.name,
                     "\" among its names; add it, or set --name to one of them"));
  }
  Identity identity;
  if (!options.initial_cluster_existing) {
    identity.cluster_id = ClusterIdOf(options.initial_cluster, options.initial_cluster_token);
    identity.member = MemberIdOf(self->second, options.initial_cluster_token);
  } else if (options.joined) {
    identity.cluster_id = options.joined->cluster_id;
    identity.member = options.joined->member;
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat("--data-dir ", options.data_dir,
                     " is empty, and no member of the running cluster told who this one is"));
  }
  do identity.incarnation = random();
  while (identity.incarnation == 0);
  identity.name = options.name;
  if (!options.initial_cluster_existing) {
    identity.initial_configuration =
        InitialConfiguration(options.initial_cluster, options.initial_cluster_token);
  }
  return identity;
}

absl::Status CheckBelongs(const Identity& identity, const NodeOptions& options) {
  if (identity.name != options.name) {
    return absl::FailedPreconditionError(
        absl::StrCat("--data-dir ", options.data_dir, " belongs to member \"", identity.name,
                     "\", not \"", options.name, "\"; start it with its own directory"));
  }
  // Who has joined was named by the cluster, not by its own flags.
  const bool joined = identity.initial_configuration.members.empty();
  if (joined || identity.forced || options.force_new_cluster || options.initial_cluster_existing ||
      options.initial_cluster.empty()) {
    return absl::OkStatus();
  }
  const uint64_t asked = ClusterIdOf(options.initial_cluster, options.initial_cluster_token);
  if (asked != identity.cluster_id) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--data-dir ", options.data_dir, " belongs to cluster ", Hex(identity.cluster_id),
        ", but --initial-cluster and --initial-cluster-token describe cluster ", Hex(asked),
        "; correct them, set --initial-cluster-state existing if the cluster has changed since, or "
        "start with an empty directory"));
  }
  return absl::OkStatus();
}

}  // namespace

raft::NodeId MemberIdOf(std::vector<std::string> peer_urls, std::string_view token) {
  std::sort(peer_urls.begin(), peer_urls.end());
  return raft::NodeId(StableHash(absl::StrCat(absl::StrJoin(peer_urls, ","), "\n", ToAbsl(token))));
}

uint64_t ClusterIdOf(const std::map<std::string, std::vector<std::string>>& initial_cluster,
                     std::string_view token) {
  std::vector<uint64_t> ids;
  for (const auto& [name, urls] : initial_cluster) ids.push_back(MemberIdOf(urls, token).value());
  std::sort(ids.begin(), ids.end());
  return StableHash(absl::StrCat("cluster\n", absl::StrJoin(ids, ",")));
}

raft::Configuration InitialConfiguration(
    const std::map<std::string, std::vector<std::string>>& initial_cluster,
    std::string_view token) {
  raft::Configuration configuration;
  for (const auto& [name, urls] : initial_cluster) {
    const raft::NodeId id = MemberIdOf(urls, token);
    configuration.voters.insert(id);
    configuration.members[id] = raft::MemberInfo{0, name, urls, {}};
  }
  return configuration;
}

absl::StatusOr<bool> HasIdentity(storage::FileSystem& fs, const NodeOptions& options) {
  return fs.Exists(IdentityPath(options));
}

absl::StatusOr<Identity> OpenIdentity(storage::FileSystem& fs, const NodeOptions& options,
                                      const Random& random) {
  const std::string path = IdentityPath(options);
  const auto exists = fs.Exists(path);
  if (!exists.ok()) return exists.status();
  if (*exists) {
    const auto bytes = storage::ReadFile(fs, path, kMaxIdentityBytes);
    if (!bytes.ok()) return bytes.status();
    auto identity = Decode(*bytes, path);
    if (!identity.ok()) return identity.status();
    if (auto status = CheckBelongs(*identity, options); !status.ok()) return status;
    if (!options.force_new_cluster || identity->forced) return identity;
    identity->forced = true;
    auto status = storage::WriteFileDurably(fs, path, Encode(*identity));
    if (!status.ok()) return status;
    return identity;
  }
  if (auto status = CheckFresh(fs, options); !status.ok()) return status;
  auto identity = MakeIdentity(options, random);
  if (!identity.ok()) return identity.status();
  const std::string member_dir = storage::JoinPath(options.data_dir, "member");
  if (auto status = storage::CreateDirectoriesDurably(fs, member_dir); !status.ok()) return status;
  if (auto status = storage::WriteFileDurably(fs, path, Encode(*identity)); !status.ok()) {
    return status;
  }
  return identity;
}

}  // namespace keelson::server
