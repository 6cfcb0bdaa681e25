#include "storage/mvcc/version.h"

#include "base/check.h"

namespace keelson::storage {

ChainPosition PushVersion(const Version* parent, Revision mod, int64_t compact_revision) {
  ChainPosition position;
  if (parent == nullptr) return position;
  KEELSON_CHECK(parent->mod < mod, "versions of a key come in revision order");
  if (parent->mod.main <= compact_revision) {
    // No read goes below the parent any more: it becomes the oldest.
    position.depth = 2;
    position.jumps.push_back({mod, parent->mod, 1});
    return position;
  }
  position.depth = parent->depth + 1;
  const Jumps& roots = parent->jumps;
  const uint64_t second = roots.empty() ? 0 : roots[0].depth;
  const uint64_t third = roots.size() < 2 ? 0 : roots[1].depth;
  KEELSON_CHECK(third <= second && second < parent->depth, "jumps lead to older versions");
  if (!roots.empty() && parent->depth - second == second - third) {
    position.jumps.assign(roots.begin() + 1, roots.end());
  } else {
    position.jumps.push_back({mod, parent->mod, parent->depth});
    position.jumps.insert(position.jumps.end(), roots.begin(), roots.end());
  }
  return position;
}

absl::StatusOr<VersionPtr> FindVersion(UndoSource& source, std::string_view key, VersionPtr newest,
                                       Revision bound) {
  VersionPtr version = std::move(newest);
  while (version != nullptr && version->mod > bound) {
    const bool jump = !version->jumps.empty() && version->jumps[0].mod > bound;
    const Revision at = jump ? version->jumps[0].stored_at : version->mod;
    absl::StatusOr<VersionPtr> next = source.ReadUndo(at, key);
    if (!next.ok()) return next.status();
    KEELSON_CHECK(*next == nullptr || (*next)->mod < version->mod, "the chain leads backwards");
    version = *std::move(next);
  }
  return version;
}

}  // namespace keelson::storage
