#include "storage/fs/errno_status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::storage {
namespace {

// The device or its file system is broken: nothing that follows can be trusted.
bool MeansBrokenDisk(int error) {
  switch (error) {
    case EIO:
    case ENXIO:
    case ENODEV:
    case EROFS:
    case EUCLEAN:
    case EBADMSG:
    case EREMOTEIO:
    case ESTALE:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view what, std::string_view path) {
  KEELSON_CHECK(error != 0, "an error status needs an error");
  std::string text(what);
  text.append(" of '").append(path).append("': ").append(std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EEXIST) return absl::AlreadyExistsError(text);
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(text, "; free space on this disk"));
  }
  if (MeansBrokenDisk(error)) {
    return absl::DataLossError(absl::StrCat(
        text, "; the disk can't be trusted any more: check it and replace it before a restart"));
  }
  return absl::InternalError(text);
}

}  // namespace keelson::storage
