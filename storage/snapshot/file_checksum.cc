#include "storage/snapshot/file_checksum.h"

#include <memory>

#include "base/crc32c.h"

namespace keelson::storage {

absl::StatusOr<FileSum> SumFile(FileSystem* fs, const std::string& path) {
  constexpr size_t kPiece = 1 << 20;
  absl::StatusOr<std::unique_ptr<File>> file = fs->Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  FileSum sum;
  std::string piece(kPiece, '\0');
  for (;;) {
    absl::StatusOr<size_t> got = (*file)->ReadAt(sum.size, kPiece, piece.data());
    if (!got.ok()) return got.status();
    if (*got == 0) return sum;
    sum.crc32c = Crc32c(std::string_view(piece.data(), *got), sum.crc32c);
    sum.size += *got;
  }
}

}  // namespace keelson::storage
