#include "storage/fs/faulty_namespace.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"

namespace keelson::storage {
namespace {

// Takes the first component off `path`; empty at the end.
std::string_view NextComponent(std::string_view& path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  std::string_view component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component == "." ? NextComponent(path) : component;
}

}  // namespace

FaultyNamespace::InodePtr FaultyNamespace::Find(std::string_view path) const {
  InodePtr node = root_;
  for (std::string_view name = NextComponent(path); !name.empty(); name = NextComponent(path)) {
    auto entry = node->live_entries.find(name);
    if (entry == node->live_entries.end()) return nullptr;
    node = entry->second;
  }
  return node;
}

FaultyNamespace::InodePtr FaultyNamespace::FindParent(std::string_view path,
                                                      std::string_view* name) const {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  size_t slash = path.rfind('/');
  *name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  InodePtr parent = slash == std::string_view::npos ? root_ : Find(path.substr(0, slash));
  return parent != nullptr && parent->is_directory ? parent : nullptr;
}

void FaultyNamespace::SetLive(const InodePtr& dir, std::string_view name, const InodePtr& inode) {
  KEELSON_CHECK(dir->is_directory, "names live in directories");
  auto entry = dir->live_entries.find(name);
  if (entry != dir->live_entries.end()) {
    KEELSON_CHECK(entry->second->links > 0, "a named file has a link");
    --entry->second->links;
    dir->live_entries.erase(entry);
  }
  if (inode == nullptr) return;
  ++inode->links;
  dir->live_entries.emplace(name, inode);
}

void FaultyNamespace::Put(const InodePtr& dir, std::string_view name, const InodePtr& inode) {
  KEELSON_CHECK(inode != nullptr, "a name needs a file");
  SetLive(dir, name, inode);
  unsynced_.push_back({Change{dir, std::string(name), inode}});
}

void FaultyNamespace::Erase(const InodePtr& dir, std::string_view name) {
  KEELSON_CHECK(dir->live_entries.contains(name), "only an existing name is erased");
  std::string owned(name);
  SetLive(dir, owned, nullptr);
  unsynced_.push_back({Change{dir, std::move(owned), nullptr}});
}

void FaultyNamespace::Rename(const InodePtr& from_dir, std::string_view from,
                             const InodePtr& to_dir, std::string_view to) {
  auto entry = from_dir->live_entries.find(from);
  KEELSON_CHECK(entry != from_dir->live_entries.end(), "only an existing name is renamed");
  InodePtr inode = entry->second;
  SetLive(to_dir, to, inode);
  SetLive(from_dir, from, nullptr);
  unsynced_.push_back(
      {Change{from_dir, std::string(from), nullptr}, Change{to_dir, std::string(to), inode}});
}

void FaultyNamespace::MakeDurable(const Operation& operation) {
  for (const Change& change : operation) {
    if (change.inode == nullptr) {
      change.dir->durable_entries.erase(change.name);
    } else {
      change.dir->durable_entries[change.name] = change.inode;
    }
  }
}

void FaultyNamespace::Sync(const InodePtr& dir) {
  std::set<const FaultyInode*> touched = {dir.get()};
  std::vector<bool> chosen(unsynced_.size());
  for (size_t i = unsynced_.size(); i-- > 0;) {
    const Operation& operation = unsynced_[i];
    chosen[i] = std::any_of(operation.begin(), operation.end(), [&](const Change& change) {
      return touched.contains(change.dir.get());
    });
    if (!chosen[i]) continue;
    for (const Change& change : operation) touched.insert(change.dir.get());
  }
  std::vector<Operation> rest;
  for (size_t i = 0; i < unsynced_.size(); ++i) {
    if (chosen[i]) {
      MakeDurable(unsynced_[i]);
    } else {
      rest.push_back(std::move(unsynced_[i]));
    }
  }
  unsynced_ = std::move(rest);
}

void FaultyNamespace::LosePower(const RandomFunction& random, SurvivalOdds odds,
                                SurvivalCounts* pages, NameCounts* names) {
  std::set<const FaultyInode*> cut;  // directories that lost a change: all later ones go too
  for (const Operation& operation : unsynced_) {
    bool lost = random() % 256 < odds.lost;
    for (const Change& change : operation) lost = lost || cut.contains(change.dir.get());
    if (lost) {
      ++names->names_lost;
      for (const Change& change : operation) cut.insert(change.dir.get());
    } else {
      ++names->names_kept;
      MakeDurable(operation);
    }
  }
  unsynced_.clear();
  RestoreNames();
  VisitFiles([&](FaultyInode& inode) { inode.LosePower(random, odds, pages); });
}

void FaultyNamespace::RestoreNames() {
  std::vector<InodePtr> open = {root_};
  std::set<const FaultyInode*> seen;
  while (!open.empty()) {
    InodePtr dir = open.back();
    open.pop_back();
    dir->live_entries = dir->durable_entries;
    for (auto& [name, child] : dir->live_entries) {
      if (seen.insert(child.get()).second) child->links = 0;
      ++child->links;
      if (child->is_directory) open.push_back(child);
    }
  }
}

void FaultyNamespace::VisitFiles(const std::function<void(FaultyInode&)>& visit) const {
  std::vector<const FaultyInode*> open = {root_.get()};
  std::set<const FaultyInode*> seen;
  while (!open.empty()) {
    const FaultyInode* dir = open.back();
    open.pop_back();
    for (const auto& [name, child] : dir->live_entries) {
      if (!seen.insert(child.get()).second) continue;
      if (child->is_directory) {
        open.push_back(child.get());
      } else {
        visit(*child);
      }
    }
  }
}

}  // namespace keelson::storage
