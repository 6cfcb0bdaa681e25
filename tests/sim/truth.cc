#include "tests/sim/truth.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace keelson::sim {
namespace {

char seed_text[96];  // written by SetSeedForReports, read by the signal handler

void OnAbort(int signal) {
  std::fputs(seed_text, stderr);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

bool Same(const storage::Change& a, const storage::Change& b) {
  return a.rev == b.rev && a.deleted == b.deleted && *a.now == *b.now;
}

}  // namespace

void SetSeedForReports(uint64_t seed) {
  std::snprintf(seed_text, sizeof(seed_text), "seed %llu failed; replay: ./dev sim --seed %llu\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
  std::signal(SIGABRT, OnAbort);
  std::signal(SIGSEGV, OnAbort);
}

void Truth::Violated(const std::string& what) const {
  absl::FPrintF(stderr, "violation at %.6f s: %s\n", static_cast<double>(world_.now().nanos) / 1e9,
                what);
  std::abort();
}

void Truth::OnApplied(const std::string& member, std::span<const storage::Change> changes) {
  size_t begin = 0;
  while (begin < changes.size()) {
    const int64_t revision = changes[begin].rev.main;
    size_t end = begin;
    while (end < changes.size() && changes[end].rev.main == revision) ++end;
    const auto part = changes.subspan(begin, end - begin);
    begin = end;
    const auto known = revisions_.find(revision);
    if (known != revisions_.end()) {
      if (!std::equal(part.begin(), part.end(), known->second.begin(), known->second.end(), Same)) {
        Violated(absl::StrCat(member, " applied other changes at revision ", revision,
                              " than were applied before: ", part[0].now->key, "=",
                              part[0].now->value, " after ", known->second[0].now->key, "=",
                              known->second[0].now->value));
      }
      continue;
    }
    if (revision != newest() + 1) {
      Violated(absl::StrCat(member, " applied revision ", revision, " after ", newest()));
    }
    world_.Mix(static_cast<uint64_t>(revision));
    revisions_[revision].assign(part.begin(), part.end());
    applied_at_[revision] = world_.now();
    for (const storage::Change& change : part) {
      std::optional<storage::KeyValue> kv;
      if (!change.deleted) kv = *change.now;
      versions_[change.now->key].push_back({revision, kv});
      if (change.deleted || change.now->value.empty()) continue;
      if (!values_.emplace(change.now->value, revision).second) {
        Violated(absl::StrCat("the write of ", change.now->value, " happened twice"));
      }
      if (impossible_.contains(change.now->value)) {
        Violated(absl::StrCat("the write of ", change.now->value,
                              " happened although its client was told that it failed"));
      }
    }
  }
}

std::optional<storage::KeyValue> Truth::At(const std::string& key, int64_t revision) const {
  const auto found = versions_.find(key);
  if (found == versions_.end()) return std::nullopt;
  std::optional<storage::KeyValue> kv;
  for (const Version& version : found->second) {
    if (version.revision > revision) break;
    kv = version.kv;
  }
  return kv;
}

std::vector<storage::KeyValue> Truth::RangeAt(const std::string& begin, const std::string& end,
                                              int64_t revision) const {
  std::vector<storage::KeyValue> result;
  for (auto it = versions_.lower_bound(begin); it != versions_.end() && it->first < end; ++it) {
    if (auto kv = At(it->first, revision)) result.push_back(*std::move(kv));
  }
  return result;
}

const std::vector<storage::Change>& Truth::ChangesOf(int64_t revision) const {
  static const std::vector<storage::Change>& none = *new std::vector<storage::Change>();
  const auto found = revisions_.find(revision);
  return found == revisions_.end() ? none : found->second;
}

int64_t Truth::NextChange(const std::string& begin, const std::string& end,
                          int64_t revision) const {
  for (auto it = revisions_.upper_bound(revision); it != revisions_.end(); ++it) {
    for (const storage::Change& change : it->second) {
      if (change.now->key >= begin && change.now->key < end) return it->first;
    }
  }
  return 0;
}

void Truth::MustNotHappen(const std::string& value) {
  if (RevisionOf(value) != 0) {
    Violated(absl::StrCat("a client was told that the write of ", value,
                          " failed, but it had happened at revision ", RevisionOf(value)));
  }
  impossible_.insert(value);
}

int64_t Truth::RevisionOf(const std::string& value) const {
  const auto found = values_.find(value);
  return found == values_.end() ? 0 : found->second;
}

void Truth::Acknowledge(int64_t revision) {
  if (revision <= acknowledged_) return;
  acknowledged_ = revision;
  acknowledged_at_[world_.now()] = revision;
}

int64_t Truth::AcknowledgedBy(Instant moment) const {
  const auto after = acknowledged_at_.upper_bound(moment);
  return after == acknowledged_at_.begin() ? 1 : std::prev(after)->second;
}

}  // namespace keelson::sim
