// Finds the watchers of a changed key: a hash map for single keys, an interval treap (Seidel and
// Aragon 1996, augmented with the largest end) for ranges. Equal ranges share one node.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/node/seams.h"
#include "server/watch/watcher.h"

namespace keelson::server {

// Loop thread only. Nodes keep their address.
class RangeIndex {
 public:
  // `random` gives the treap's priorities.
  explicit RangeIndex(Random random) : random_(std::move(random)) {}
  RangeIndex(const RangeIndex&) = delete;
  RangeIndex& operator=(const RangeIndex&) = delete;

  // REQUIRES: the watcher is in no index; the range is not empty.
  void Insert(Watcher* watcher, const storage::KeyRange& range);

  // Takes the watcher out of the index it is in. A node that is left without watchers goes, unless
  // it is busy. Safe between two steps of a batch.
  static void Remove(Watcher* watcher);

  // Drops a node that is neither busy nor watched.
  void DropIfUnused(RangeNode* node);

  // Calls `found` for every node whose range holds `key`, in O(log n) each, in no meaningful but a
  // repeatable order.
  void Match(std::string_view key, absl::FunctionRef<void(RangeNode*)> found);

  // Calls `visit` for every node, single keys first; the order of these differs from run to run.
  void ForEachNode(absl::FunctionRef<void(RangeNode*)> visit);

  size_t watchers() const { return watchers_; }
  bool empty() const { return watchers_ == 0; }

 private:
  RangeNode* FindOrAdd(const storage::KeyRange& range);

  Random random_;
  absl::flat_hash_map<absl::string_view, std::unique_ptr<RangeNode>> singles_;
  std::unique_ptr<RangeNode> root_;
  size_t watchers_ = 0;
};

// Whether a range is exactly one key.
bool IsSingleKey(const storage::KeyRange& range);

}  // namespace keelson::server
