#include "storage/wal/sync_probe.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"

namespace keelson::storage {
namespace {

constexpr uint64_t kFileBytes = 4 << 20;
constexpr uint64_t kRecordBytes = 512;
constexpr int kRounds = 200;
constexpr uint64_t kBudgetNanos = 300'000'000;

uint64_t Median(std::vector<uint64_t> values) {
  if (values.empty()) return 0;
  auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

absl::Status Prepare(FileSystem& fs, const std::string& path) {
  auto file = fs.Open(path, OpenMode::kCreateOrTruncate);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->WriteAt(0, std::string(kFileBytes, '\0'));
  return status.ok() ? (*file)->Sync() : status;
}

absl::StatusOr<SyncProbeResult> Measure(FileSystem& fs, const std::string& path, uint64_t deadline,
                                        const std::function<uint64_t()>& now_nanos) {
  auto synced = fs.Open(path, OpenMode::kReadWrite, SyncMethod::kFdatasync);
  if (!synced.ok()) return synced.status();
  auto dsync = fs.Open(path, OpenMode::kReadWrite, SyncMethod::kDsync);
  if (!dsync.ok()) return dsync.status();
  File* const files[] = {synced->get(), dsync->get()};
  std::vector<uint64_t> nanos[2];
  const std::string record(kRecordBytes, 'k');
  SyncProbeResult result;
  for (; result.rounds < kRounds && now_nanos() < deadline; ++result.rounds) {
    for (int method = 0; method < 2; ++method) {
      const uint64_t at = static_cast<uint64_t>(2 * result.rounds + method) * kRecordBytes;
      const uint64_t start = now_nanos();
      absl::Status status = files[method]->WriteAt(at, record);
      if (status.ok()) status = files[method]->DataSync();
      if (!status.ok()) return status;
      nanos[method].push_back(now_nanos() - start);
    }
  }
  result.fdatasync_p50_nanos = Median(std::move(nanos[0]));
  result.dsync_p50_nanos = Median(std::move(nanos[1]));
  const bool dsync_wins = result.dsync_p50_nanos < result.fdatasync_p50_nanos / 10 * 9;
  result.best = dsync_wins ? SyncMethod::kDsync : SyncMethod::kFdatasync;
  return result;
}

}  // namespace

absl::StatusOr<SyncProbeResult> ProbeSyncMethod(FileSystem& fs, const std::string& dir,
                                                const std::function<uint64_t()>& now_nanos) {
  KEELSON_CHECK(now_nanos != nullptr, "a measurement needs a clock");
  const uint64_t deadline = now_nanos() + kBudgetNanos;
  const std::string path = JoinPath(dir, "sync-probe");
  absl::Status status = Prepare(fs, path);
  if (!status.ok()) {
    fs.Remove(path).IgnoreError();
    return status;
  }
  auto result = Measure(fs, path, deadline, now_nanos);
  status = fs.Remove(path);
  if (result.ok() && !status.ok()) return status;
  return result;
}

}  // namespace keelson::storage
