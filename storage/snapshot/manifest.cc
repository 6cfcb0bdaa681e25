#include "storage/snapshot/manifest.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/crc32c.h"
#include "storage/mvcc/codec.h"

namespace keelson::storage {
namespace {

constexpr std::string_view kMagic = "KSNP";
constexpr uint64_t kVersion = 1;
constexpr size_t kMaxNameBytes = 128;

void AppendFixed32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

bool TakeFixed32(std::string_view* bytes, uint32_t* value) {
  if (bytes->size() < 4) return false;
  *value = 0;
  for (int i = 3; i >= 0; --i) *value = *value << 8 | static_cast<uint8_t>((*bytes)[i]);
  bytes->remove_prefix(4);
  return true;
}

void AppendText(std::string_view text, std::string* out) {
  AppendVarint(text.size(), out);
  out->append(text);
}

bool TakeText(std::string_view* bytes, std::string* text) {
  uint64_t size = 0;
  if (!TakeVarint(bytes, &size) || size > bytes->size()) return false;
  text->assign(bytes->substr(0, size));
  bytes->remove_prefix(size);
  return true;
}

// A name that stays in its directory and clashes with nothing of ours.
bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || name[0] == '.') return false;
  if (name == kManifestName) return false;
  for (char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) return false;
  }
  return true;
}

bool TakeFile(std::string_view* bytes, SnapshotFile* file) {
  return TakeText(bytes, &file->name) && TakeVarint(bytes, &file->size) &&
         TakeFixed32(bytes, &file->crc32c) && IsPlainName(file->name);
}

bool TakeBody(std::string_view bytes, SnapshotManifest* manifest) {
  uint64_t term = 0, index = 0, revision = 0, files = 0;
  if (!TakeVarint(&bytes, &term) || !TakeVarint(&bytes, &index) || !TakeVarint(&bytes, &revision) ||
      !TakeText(&bytes, &manifest->configuration) || !TakeVarint(&bytes, &files) ||
      files > bytes.size()) {
    return false;
  }
  manifest->id = {raft::Term(term), raft::Index(index)};
  manifest->revision = static_cast<int64_t>(revision);
  std::set<std::string> names;
  uint64_t total = 0;
  for (uint64_t i = 0; i < files; ++i) {
    SnapshotFile file;
    if (!TakeFile(&bytes, &file) || !names.insert(file.name).second) return false;
    total += file.size;
    if (total < file.size) return false;
    manifest->files.push_back(std::move(file));
  }
  return bytes.empty();
}

}  // namespace

uint64_t SnapshotManifest::total_bytes() const {
  uint64_t total = 0;
  for (const SnapshotFile& file : files) total += file.size;
  return total;
}

std::string EncodeManifest(const SnapshotManifest& manifest) {
  std::string out(kMagic);
  AppendVarint(kVersion, &out);
  AppendVarint(manifest.id.term.value(), &out);
  AppendVarint(manifest.id.index.value(), &out);
  AppendVarint(static_cast<uint64_t>(manifest.revision), &out);
  AppendText(manifest.configuration, &out);
  AppendVarint(manifest.files.size(), &out);
  for (const SnapshotFile& file : manifest.files) {
    AppendText(file.name, &out);
    AppendVarint(file.size, &out);
    AppendFixed32(file.crc32c, &out);
  }
  AppendFixed32(Crc32c(out), &out);
  return out;
}

absl::StatusOr<SnapshotManifest> DecodeManifest(std::string_view bytes) {
  const auto invalid = [](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("snapshot manifest: ", why));
  };
  if (bytes.size() > kMaxManifestBytes) return invalid("too large");
  if (bytes.size() < kMagic.size() + 5 || bytes.substr(0, kMagic.size()) != kMagic) {
    return invalid("not a manifest");
  }
  std::string_view body = bytes.substr(0, bytes.size() - 4);
  std::string_view tail = bytes.substr(bytes.size() - 4);
  uint32_t crc = 0;
  if (!TakeFixed32(&tail, &crc) || crc != Crc32c(body)) return invalid("damaged");
  body.remove_prefix(kMagic.size());
  uint64_t version = 0;
  if (!TakeVarint(&body, &version)) return invalid("damaged");
  if (version != kVersion) return invalid("of a version this program does not know");
  SnapshotManifest manifest;
  if (!TakeBody(body, &manifest)) return invalid("malformed");
  return manifest;
}

}  // namespace keelson::storage
