#include "server/watch/range_index.h"

#include <compare>
#include <utility>

#include "base/check.h"
#include "base/view.h"

namespace keelson::server {
namespace {

using Link = std::unique_ptr<RangeNode>;
using End = std::optional<std::string>;

std::strong_ordering CompareEnds(const End& a, const End& b) {
  if (!a || !b) return !a <=> !b;  // no end is the largest
  return *a <=> *b;
}

std::strong_ordering Compare(const storage::KeyRange& a, const storage::KeyRange& b) {
  const auto by_begin = a.begin <=> b.begin;
  return by_begin != 0 ? by_begin : CompareEnds(a.end, b.end);
}

// Sets `max_end` from the node itself and its children.
void Refresh(RangeNode* node) {
  node->max_end = node;
  for (const Link* child : {&node->left, &node->right}) {
    if (*child == nullptr) continue;
    const RangeNode* other = (*child)->max_end;
    if (CompareEnds(other->range.end, node->max_end->range.end) > 0) node->max_end = other;
  }
}

void RotateRight(Link& top) {
  Link left = std::move(top->left);
  top->left = std::move(left->right);
  Refresh(top.get());
  left->right = std::move(top);
  top = std::move(left);
  Refresh(top.get());
}

void RotateLeft(Link& top) {
  Link right = std::move(top->right);
  top->right = std::move(right->left);
  Refresh(top.get());
  right->left = std::move(top);
  top = std::move(right);
  Refresh(top.get());
}

RangeNode* Find(const Link& root, const storage::KeyRange& range) {
  RangeNode* node = root.get();
  while (node != nullptr) {
    const auto order = Compare(range, node->range);
    if (order == 0) return node;
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return nullptr;
}

void Add(Link& top, Link added) {
  if (top == nullptr) {
    top = std::move(added);
    Refresh(top.get());
    return;
  }
  const bool goes_left = Compare(added->range, top->range) < 0;
  Link& child = goes_left ? top->left : top->right;
  Add(child, std::move(added));
  if (child->priority > top->priority) {
    goes_left ? RotateRight(top) : RotateLeft(top);
  } else {
    Refresh(top.get());
  }
}

// Joins two subtrees, all of `a` before all of `b`.
Link Merge(Link a, Link b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (a->priority >= b->priority) {
    a->right = Merge(std::move(a->right), std::move(b));
    Refresh(a.get());
    return a;
  }
  b->left = Merge(std::move(a), std::move(b->left));
  Refresh(b.get());
  return b;
}

void Erase(Link& top, const RangeNode* node) {
  KEELSON_CHECK(top != nullptr, "a node to erase is in its index");
  if (top.get() == node) {
    top = Merge(std::move(top->left), std::move(top->right));
    return;
  }
  Erase(Compare(node->range, top->range) < 0 ? top->left : top->right, node);
  Refresh(top.get());
}

void Stab(RangeNode* node, std::string_view key, absl::FunctionRef<void(RangeNode*)> found) {
  if (node == nullptr) return;
  const End& largest = node->max_end->range.end;
  if (largest && *largest <= key) return;
  Stab(node->left.get(), key, found);
  if (node->range.begin > key) return;
  if (!node->range.end || key < *node->range.end) found(node);
  Stab(node->right.get(), key, found);
}

void Visit(RangeNode* node, absl::FunctionRef<void(RangeNode*)> visit) {
  if (node == nullptr) return;
  Visit(node->left.get(), visit);
  visit(node);
  Visit(node->right.get(), visit);
}

}  // namespace

bool IsSingleKey(const storage::KeyRange& range) {
  return range.end && range.end->size() == range.begin.size() + 1 && range.end->back() == '\0' &&
         range.end->starts_with(range.begin);
}

RangeNode* RangeIndex::FindOrAdd(const storage::KeyRange& range) {
  const bool single = IsSingleKey(range);
  if (single) {
    const auto found = singles_.find(ToAbsl(range.begin));
    if (found != singles_.end()) return found->second.get();
  } else if (RangeNode* node = Find(root_, range)) {
    return node;
  }
  auto added = std::make_unique<RangeNode>();
  RangeNode* node = added.get();
  node->range = range;
  node->index = this;
  if (single) {
    singles_.emplace(ToAbsl(node->range.begin), std::move(added));
  } else {
    node->priority = random_();
    Add(root_, std::move(added));
  }
  return node;
}

void RangeIndex::Insert(Watcher* watcher, const storage::KeyRange& range) {
  KEELSON_CHECK(watcher->node == nullptr, "a watcher is in one index at a time");
  KEELSON_CHECK(!range.end || range.begin < *range.end, "a watched range is not empty");
  RangeNode* node = FindOrAdd(range);
  watcher->node = node;
  watcher->slot = static_cast<uint32_t>(node->watchers.size());
  node->watchers.push_back(watcher);
  ++watchers_;
}

void RangeIndex::Remove(Watcher* watcher) {
  RangeNode* node = watcher->node;
  KEELSON_CHECK(node != nullptr, "a removed watcher is in an index");
  auto& list = node->watchers;
  KEELSON_CHECK(watcher->slot < list.size() && list[watcher->slot] == watcher,
                "a watcher knows its slot");
  uint32_t hole = watcher->slot;
  const auto fill = [&](uint32_t from) {
    list[hole] = list[from];
    list[hole]->slot = hole;
    hole = from;
  };
  // The watchers before `flushed` must stay the same ones, but for this.
  if (hole < node->flushed) fill(--node->flushed);
  fill(static_cast<uint32_t>(list.size() - 1));
  list.pop_back();
  watcher->node = nullptr;
  --node->index->watchers_;
  node->index->DropIfUnused(node);
}

void RangeIndex::DropIfUnused(RangeNode* node) {
  if (node->busy || !node->watchers.empty()) return;
  if (IsSingleKey(node->range)) {
    const auto found = singles_.find(ToAbsl(node->range.begin));
    KEELSON_CHECK(found != singles_.end(), "a node to erase is in its index");
    // The map's key is a view into the node, which therefore goes last.
    const std::unique_ptr<RangeNode> dropped = std::move(found->second);
    singles_.erase(found);
  } else {
    Erase(root_, node);
  }
}

void RangeIndex::Match(std::string_view key, absl::FunctionRef<void(RangeNode*)> found) {
  const auto single = singles_.find(ToAbsl(key));
  if (single != singles_.end()) found(single->second.get());
  Stab(root_.get(), key, found);
}

void RangeIndex::ForEachNode(absl::FunctionRef<void(RangeNode*)> visit) {
  for (const auto& [key, node] : singles_) visit(node.get());
  Visit(root_.get(), visit);
}

}  // namespace keelson::server
