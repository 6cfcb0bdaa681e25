#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/convenience.h"
#include "storage/mvcc/jobs.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {
namespace {

class Verify : public VerifyJob {
 public:
  Verify(std::shared_ptr<RocksDb> db, uint64_t from, uint64_t max_bytes)
      : db_(std::move(db)), next_(from), max_bytes_(max_bytes) {}
  const char* name() const override { return "verify"; }
  uint64_t next() const override { return next_; }
  uint64_t bytes() const override { return bytes_; }

  absl::Status Run() override {
    for (const rocksdb::LiveFileMetaData& file : LiveFiles()) {
      if (file.file_number < next_) continue;
      if (bytes_ >= max_bytes_) return absl::OkStatus();
      next_ = file.file_number + 1;
      bytes_ += file.size;
      if (auto status = Check(file); !status.ok()) return status;
    }
    next_ = 0;
    return absl::OkStatus();
  }

 private:
  std::vector<rocksdb::LiveFileMetaData> LiveFiles() const {
    std::vector<rocksdb::LiveFileMetaData> files;
    db_->db().GetLiveFilesMetaData(&files);
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return a.file_number < b.file_number; });
    return files;
  }

  absl::Status Check(const rocksdb::LiveFileMetaData& file) const {
    const auto families = db_->families();
    const auto family = std::find_if(families.begin(), families.end(), [&file](const auto* handle) {
      return handle->GetName() == file.column_family_name;
    });
    if (family == families.end()) return absl::OkStatus();
    const rocksdb::Options options = db_->db().GetOptions(*family);
    const std::string path = absl::StrCat(file.db_path, file.name);
    const rocksdb::Status status =
        rocksdb::VerifySstFileChecksum(options, rocksdb::EnvOptions(options), path);
    // A compaction may have removed it meanwhile.
    if (status.ok() || !IsLive(file.file_number)) return absl::OkStatus();
    return FromRocks(status, absl::StrCat("the check of ", path));
  }

  bool IsLive(uint64_t number) const {
    const auto files = LiveFiles();
    return std::any_of(files.begin(), files.end(),
                       [number](const auto& file) { return file.file_number == number; });
  }

  const std::shared_ptr<RocksDb> db_;
  uint64_t next_;
  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<VerifyJob> MakeVerifyJob(std::shared_ptr<RocksDb> db, uint64_t from,
                                         uint64_t max_bytes) {
  return std::make_unique<Verify>(std::move(db), from, max_bytes);
}

}  // namespace keelson::storage
