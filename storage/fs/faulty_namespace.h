// The directory tree of the simulated disk, with the changes of names that no directory sync has
// made durable yet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/fs/faulty_inode.h"

namespace keelson::storage {

struct NameCounts {
  uint64_t names_lost = 0;
  uint64_t names_kept = 0;
};

// Paths are '/'-separated; a leading '/' changes nothing. Changes of one directory reach the
// platter in the order they were made (a journal), those of different directories in any order,
// and a rename as a whole or not at all.
// Not locked: FaultyFileSystem holds its own lock around every call.
class FaultyNamespace {
 public:
  using InodePtr = std::shared_ptr<FaultyInode>;

  FaultyNamespace() : root_(std::make_shared<FaultyInode>(true)) {}

  // Null where there is none.
  InodePtr Find(std::string_view path) const;
  // The directory that holds `path`, null where it is missing; `name` gets the last component.
  InodePtr FindParent(std::string_view path, std::string_view* name) const;

  // REQUIRES: `dir` is a directory of this tree. Replaces what has that name.
  void Put(const InodePtr& dir, std::string_view name, const InodePtr& inode);
  // REQUIRES: the name exists.
  void Erase(const InodePtr& dir, std::string_view name);
  // REQUIRES: `from` exists and isn't the same file as `to`.
  void Rename(const InodePtr& from_dir, std::string_view from, const InodePtr& to_dir,
              std::string_view to);

  // Makes every change of `dir` durable, and what those changes depend on.
  void Sync(const InodePtr& dir);
  // Drops a random part of the unsynced changes; calls LosePower on every file that remains.
  void LosePower(const RandomFunction& random, SurvivalOdds odds, SurvivalCounts* pages,
                 NameCounts* names);
  // Calls `visit` once for every file that has a name.
  void VisitFiles(const std::function<void(FaultyInode&)>& visit) const;

 private:
  struct Change {
    InodePtr dir;
    std::string name;
    InodePtr inode;  // null: the name is gone
  };
  using Operation = std::vector<Change>;

  void SetLive(const InodePtr& dir, std::string_view name, const InodePtr& inode);
  // The live names become the durable ones.
  void RestoreNames();
  static void MakeDurable(const Operation& operation);

  InodePtr root_;
  std::vector<Operation> unsynced_;  // oldest first
};

}  // namespace keelson::storage
