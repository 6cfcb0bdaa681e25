#include "storage/mvcc/retention.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "storage/mvcc/codec.h"

namespace keelson::storage {
namespace {

constexpr char kTombstonesProperty[] = "keelson.tombstones";

class LatestFilter : public rocksdb::CompactionFilter {
 public:
  explicit LatestFilter(int64_t bound) : bound_(bound) {}
  const char* Name() const override { return "KeelsonLatestFilter"; }

  Decision FilterV2(int, const rocksdb::Slice&, ValueType type, const rocksdb::Slice& value,
                    std::string*, std::string*) const override {
    VersionHead head;
    if (type != ValueType::kValue) return Decision::kKeep;
    if (!DecodeVersionHead({value.data(), value.size()}, &head)) return Decision::kKeep;
    return head.deleted && head.mod.main <= bound_ ? Decision::kRemove : Decision::kKeep;
  }

 private:
  const int64_t bound_;
};

class UndoFilter : public rocksdb::CompactionFilter {
 public:
  explicit UndoFilter(int64_t bound)
      : main_(std::max<int64_t>(bound, 0)),
        bound_(UndoKey({main_, 0})),
        above_(UndoKey({main_ + 1, 0})) {}
  const char* Name() const override { return "KeelsonUndoFilter"; }

  // Skipping is safe here: an undo key is written once, so nothing older hides under it.
  Decision FilterV2(int, const rocksdb::Slice& key, ValueType type, const rocksdb::Slice& value,
                    std::string* without_previous, std::string* skip_until) const override {
    if (key.compare(bound_) < 0) {
      *skip_until = bound_;
      return Decision::kRemoveAndSkipUntil;
    }
    // That the change was made is told to watchers that start here, not what it replaced.
    const bool shrinks =
        key.compare(above_) < 0 && type == ValueType::kValue &&
        EncodeUndoWithoutPrevious({value.data(), value.size()}, main_, without_previous);
    return shrinks ? Decision::kChangeValue : Decision::kKeep;
  }

 private:
  const int64_t main_;
  const std::string bound_;
  const std::string above_;
};

template <typename Filter>
class Factory : public rocksdb::CompactionFilterFactory {
 public:
  explicit Factory(std::shared_ptr<const Retention> retention) : retention_(std::move(retention)) {}
  const char* Name() const override { return "KeelsonFilterFactory"; }

  // A tombstone must be flushed, as long as a file may hold what it hides.
  bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason reason) const override {
    return reason == rocksdb::TableFileCreationReason::kCompaction ||
           (reason == rocksdb::TableFileCreationReason::kFlush &&
            std::is_same_v<Filter, UndoFilter>);
  }

  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override {
    const int64_t bound = context.reason == rocksdb::TableFileCreationReason::kFlush
                              ? retention_->flush_leaves_out_below()
                              : retention_->droppable_below();
    if (bound < 0) return nullptr;
    return std::make_unique<Filter>(bound);
  }

 private:
  const std::shared_ptr<const Retention> retention_;
};

class TombstoneCounter : public rocksdb::TablePropertiesCollector {
 public:
  const char* Name() const override { return "KeelsonTombstoneCounter"; }

  rocksdb::Status AddUserKey(const rocksdb::Slice&, const rocksdb::Slice& value,
                             rocksdb::EntryType type, rocksdb::SequenceNumber, uint64_t) override {
    VersionHead head;
    if (type != rocksdb::kEntryPut) return rocksdb::Status::OK();
    if (!DecodeVersionHead({value.data(), value.size()}, &head) || !head.deleted) {
      return rocksdb::Status::OK();
    }
    ++count_;
    oldest_ = count_ == 1 ? head.mod.main : std::min(oldest_, head.mod.main);
    return rocksdb::Status::OK();
  }

  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    std::string encoded;
    AppendVarint(count_, &encoded);
    AppendVarint(static_cast<uint64_t>(oldest_), &encoded);
    (*properties)[kTombstonesProperty] = std::move(encoded);
    return rocksdb::Status::OK();
  }

  rocksdb::UserCollectedProperties GetReadableProperties() const override {
    return {{kTombstonesProperty, std::to_string(count_)}};
  }

 private:
  uint64_t count_ = 0;
  int64_t oldest_ = 0;
};

class TombstoneCounterFactory : public rocksdb::TablePropertiesCollectorFactory {
 public:
  const char* Name() const override { return "KeelsonTombstoneCounterFactory"; }
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context) override {
    return new TombstoneCounter();
  }
};

}  // namespace

void Retention::AddView(int64_t compact_revision) {
  const std::lock_guard lock(mutex_);
  ++views_[compact_revision];
}

void Retention::RemoveView(int64_t compact_revision) {
  const std::lock_guard lock(mutex_);
  auto it = views_.find(compact_revision);
  KEELSON_CHECK(it != views_.end(), "a view ends once");
  if (--it->second == 0) views_.erase(it);
}

int64_t Retention::Advance(int64_t flushed_compact_revision) {
  const std::lock_guard lock(mutex_);
  int64_t bound = flushed_compact_revision;
  if (!views_.empty()) bound = std::min(bound, views_.begin()->first);
  bound = std::max(bound, droppable_below_.load(std::memory_order_relaxed));
  droppable_below_.store(bound, std::memory_order_release);
  return bound;
}

void Retention::BeginFlush(int64_t compact_revision) {
  const std::lock_guard lock(mutex_);
  int64_t bound = compact_revision;
  if (!views_.empty()) bound = std::min(bound, views_.begin()->first);
  flush_leaves_out_below_.store(bound, std::memory_order_release);
}

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeLatestFilter(
    std::shared_ptr<const Retention> retention) {
  return std::make_shared<Factory<LatestFilter>>(std::move(retention));
}

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeUndoFilter(
    std::shared_ptr<const Retention> retention) {
  return std::make_shared<Factory<UndoFilter>>(std::move(retention));
}

std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> MakeTombstoneCounter() {
  return std::make_shared<TombstoneCounterFactory>();
}

TombstoneCount ReadTombstoneCount(const rocksdb::TableProperties& properties) {
  TombstoneCount result;
  auto it = properties.user_collected_properties.find(kTombstonesProperty);
  if (it == properties.user_collected_properties.end()) return result;
  std::string_view bytes = it->second;
  uint64_t oldest = 0;
  if (!TakeVarint(&bytes, &result.tombstones) || !TakeVarint(&bytes, &oldest)) return {};
  result.oldest = static_cast<int64_t>(oldest);
  return result;
}

}  // namespace keelson::storage
