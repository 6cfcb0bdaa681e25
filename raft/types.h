// The value types of the protocol. Term, index and node id are distinct types, so that one can't be
// passed for another; all of them are plain 64-bit values, safe on any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace keelson::raft {

// A 64-bit number that only compares with its own kind. Zero means "none" for every kind.
template <typename Tag>
class StrongNumber {
 public:
  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }
  constexpr bool IsNone() const { return value_ == 0; }

  friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;
  template <typename H>
  friend H AbslHashValue(H state, StrongNumber number) {
    return H::combine(std::move(state), number.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, StrongNumber number) {
    return out << number.value_;
  }

 private:
  uint64_t value_ = 0;
};

// The election period (Raft thesis 3.3). 0 precedes every election.
class Term : public StrongNumber<struct TermTag> {
 public:
  using StrongNumber::StrongNumber;
  constexpr Term Next() const { return Term(value() + 1); }
};

// The position of an entry in the log. The first entry is 1; 0 is the place before it.
class Index : public StrongNumber<struct IndexTag> {
 public:
  using StrongNumber::StrongNumber;
  constexpr Index Next() const { return Index(value() + 1); }
  // REQUIRES: not 0.
  constexpr Index Prev() const { return Index(value() - 1); }
  friend constexpr Index operator+(Index index, uint64_t count) {
    return Index(index.value() + count);
  }
  // The distance from `b` to `a`. REQUIRES: b <= a.
  friend constexpr uint64_t operator-(Index a, Index b) { return a.value() - b.value(); }
};

// A member of the cluster. Never reused after its removal. 0 is nobody.
class NodeId : public StrongNumber<struct NodeIdTag> {
 public:
  using StrongNumber::StrongNumber;
};

// Names one entry for all time: two logs that hold the same EntryId agree up to it (Raft thesis
// 3.5, log matching). Ordered by term first, which is the "at least as up to date" rule of votes.
struct EntryId {
  Term term{};
  Index index{};

  friend constexpr auto operator<=>(const EntryId&, const EntryId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const EntryId& id) {
    return H::combine(std::move(state), id.term, id.index);
  }
  friend std::ostream& operator<<(std::ostream& out, const EntryId& id) {
    return out << id.term << "/" << id.index;
  }
};

}  // namespace keelson::raft

template <>
struct std::hash<keelson::raft::Term> {
  size_t operator()(keelson::raft::Term v) const { return std::hash<uint64_t>()(v.value()); }
};
template <>
struct std::hash<keelson::raft::Index> {
  size_t operator()(keelson::raft::Index v) const { return std::hash<uint64_t>()(v.value()); }
};
template <>
struct std::hash<keelson::raft::NodeId> {
  size_t operator()(keelson::raft::NodeId v) const { return std::hash<uint64_t>()(v.value()); }
};
