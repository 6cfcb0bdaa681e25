#include "storage/snapshot/install.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "storage/mvcc/mutants.h"
#include "storage/snapshot/file_checksum.h"

namespace keelson::storage {
namespace {

constexpr size_t kGenerationDigits = 10;
constexpr size_t kMaxCurrentBytes = 256;
constexpr char kCurrentHeader[] = "keelson-db 1 ";

std::string GenerationName(uint64_t generation) { return absl::StrFormat("%010d", generation); }

bool ParseGenerationName(const std::string& name, uint64_t* generation) {
  return name.size() == kGenerationDigits && absl::SimpleAtoi(name, generation) &&
         GenerationName(*generation) == name;
}

// "keelson-db 1 <generation> <crc32c of all before it, hexadecimal>\n"
std::string EncodeCurrent(uint64_t generation) {
  const std::string text = absl::StrCat(kCurrentHeader, GenerationName(generation), " ");
  return absl::StrCat(text, absl::StrFormat("%08x\n", Crc32c(text)));
}

absl::StatusOr<uint64_t> DecodeCurrent(const std::string& path, const std::string& text) {
  constexpr size_t kHeader = sizeof(kCurrentHeader) - 1;
  uint64_t generation = 0;
  if (text.size() >= kHeader + kGenerationDigits &&
      ParseGenerationName(text.substr(kHeader, kGenerationDigits), &generation) &&
      EncodeCurrent(generation) == text) {
    return generation;
  }
  if (text.starts_with("keelson-db ") && !text.starts_with(kCurrentHeader)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is of a newer format: start a newer version"));
  }
  return absl::DataLossError(absl::StrCat(path, " is damaged"));
}

struct RootContents {
  std::vector<uint64_t> generations;
  std::vector<std::string> leftovers;  // names
};

absl::StatusOr<RootContents> ListRoot(FileSystem* fs, const std::string& root) {
  absl::StatusOr<std::vector<std::string>> names = fs->List(root);
  if (!names.ok()) return names.status();
  RootContents contents;
  for (const std::string& name : *names) {
    uint64_t generation = 0;
    if (ParseGenerationName(name, &generation)) {
      contents.generations.push_back(generation);
    } else if (JoinPath(root, name) != CurrentPath(root)) {
      contents.leftovers.push_back(name);
    }
  }
  return contents;
}

absl::Status CreateRoot(FileSystem* fs, const std::string& root) {
  absl::Status status = fs->CreateDirectories(root);
  const size_t slash = root.find_last_of('/');
  const std::string parent = slash == 0 || slash == std::string::npos ? "/" : root.substr(0, slash);
  if (status.ok()) status = fs->SyncDirectory(parent);
  return status;
}

absl::StatusOr<uint64_t> ReadOrCreateCurrent(FileSystem* fs, const std::string& root,
                                             const RootContents& contents) {
  const std::string path = CurrentPath(root);
  absl::StatusOr<std::string> text = ReadFile(*fs, path, kMaxCurrentBytes);
  if (text.ok()) return DecodeCurrent(path, *text);
  if (!absl::IsNotFound(text.status())) return text.status();
  if (!contents.generations.empty()) {
    return absl::DataLossError(absl::StrCat(
        path, " is missing although there are generations in ", root,
        ": the directory was changed from outside; restore it or rejoin as a new member"));
  }
  absl::Status status = SwitchCurrent(fs, root, 1);
  if (!status.ok()) return status;
  return 1;
}

absl::Status RemoveLeftovers(FileSystem* fs, const std::string& root, const RootContents& contents,
                             uint64_t current) {
  absl::Status status;
  for (const std::string& name : contents.leftovers) {
    status.Update(fs->RemoveAll(JoinPath(root, name)));
  }
  for (uint64_t generation : contents.generations) {
    if (generation != current) status.Update(ReleaseGeneration(fs, root, generation));
  }
  return status;
}

absl::Status CheckFile(FileSystem* fs, const std::string& path, const SnapshotFile& expected) {
  absl::StatusOr<FileSum> sum = SumFile(fs, path);
  if (!sum.ok()) return sum.status();
  if (sum->size == expected.size && sum->crc32c == expected.crc32c) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, " ", kChecksumText));
}

absl::Status SyncFile(FileSystem* fs, const std::string& path) {
  auto file = fs->Open(path, OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  return (*file)->Sync();
}

}  // namespace

std::string GenerationDir(const std::string& root, uint64_t generation) {
  return JoinPath(root, GenerationName(generation));
}
std::string IncomingDir(const std::string& root) { return JoinPath(root, "incoming"); }
std::string OutgoingDir(const std::string& root) { return JoinPath(root, "outgoing"); }
std::string CurrentPath(const std::string& root) { return JoinPath(root, "CURRENT"); }

absl::StatusOr<OpenedStore> OpenGeneration(FileSystem* fs, const std::string& root,
                                           uint64_t generation, MvccOptions options) {
  KEELSON_CHECK(options.fs == nullptr || options.fs == fs, "one disk for both");
  options.dir = GenerationDir(root, generation);
  // Only the first generation begins empty; every other one was received or copied.
  options.must_exist = generation > 1;
  absl::StatusOr<std::unique_ptr<MvccStore>> store = MvccStore::Open(options);
  if (!store.ok()) return store.status();
  return OpenedStore{*std::move(store), generation};
}

absl::StatusOr<OpenedStore> OpenCurrent(FileSystem* fs, const std::string& root,
                                        MvccOptions options) {
  absl::Status status = CreateRoot(fs, root);
  if (!status.ok()) return status;
  absl::StatusOr<RootContents> contents = ListRoot(fs, root);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<uint64_t> current = ReadOrCreateCurrent(fs, root, *contents);
  if (!current.ok()) return current.status();
  status = RemoveLeftovers(fs, root, *contents, *current);
  if (!status.ok()) return status;
  return OpenGeneration(fs, root, *current, std::move(options));
}

namespace {

// Gives the finished directory `dir` the number of the next generation, durably.
absl::StatusOr<uint64_t> BecomeGeneration(FileSystem* fs, const std::string& root,
                                          const std::string& dir) {
  absl::StatusOr<RootContents> contents = ListRoot(fs, root);
  if (!contents.ok()) return contents.status();
  uint64_t next = 1;
  for (uint64_t generation : contents->generations) next = std::max(next, generation + 1);
  absl::Status status = fs->Rename(dir, GenerationDir(root, next));
  if (status.ok()) status = fs->SyncDirectory(root);
  if (!status.ok()) return status;
  return next;
}

class ReopenJobImpl : public ReopenJob {
 public:
  ReopenJobImpl(std::unique_ptr<BackgroundJob> links, FileSystem* fs, std::string root,
                std::string dir, MvccOptions options)
      : links_(std::move(links)),
        fs_(fs),
        root_(std::move(root)),
        dir_(std::move(dir)),
        options_(std::move(options)) {}
  const char* name() const override { return "reopen"; }

  absl::Status Run() override {
    absl::Status status = fs_->RemoveAll(dir_);
    if (status.ok()) status = links_->Run();
    if (status.ok()) status = SyncAll();
    if (!status.ok()) return status;
    absl::StatusOr<uint64_t> generation = BecomeGeneration(fs_, root_, dir_);
    if (!generation.ok()) return generation.status();
    absl::StatusOr<OpenedStore> opened = OpenGeneration(fs_, root_, *generation, options_);
    if (!opened.ok()) {
      ReleaseGeneration(fs_, root_, *generation).IgnoreError();
      return opened.status();
    }
    // Where this fails CURRENT may name either: both stay, and hold the same.
    status = SwitchCurrent(fs_, root_, *generation);
    if (status.ok()) opened_ = *std::move(opened);
    return status;
  }

  OpenedStore TakeOpened() override {
    KEELSON_CHECK(opened_.store != nullptr, "a store is taken once, from a job that succeeded");
    return std::move(opened_);
  }

 private:
  absl::Status SyncAll() {
    absl::StatusOr<std::vector<std::string>> names = fs_->List(dir_);
    if (!names.ok()) return names.status();
    absl::Status status;
    for (const std::string& name : *names) status.Update(SyncFile(fs_, JoinPath(dir_, name)));
    return status.ok() ? fs_->SyncDirectory(dir_) : status;
  }

  const std::unique_ptr<BackgroundJob> links_;
  FileSystem* const fs_;
  const std::string root_;
  const std::string dir_;
  const MvccOptions options_;
  OpenedStore opened_;
};

}  // namespace

std::unique_ptr<ReopenJob> StartReopen(MvccStore& store, FileSystem* fs, const std::string& root,
                                       MvccOptions options) {
  const std::string dir = JoinPath(root, "reopening");
  return std::make_unique<ReopenJobImpl>(store.StartCheckpoint(dir), fs, root, dir,
                                         std::move(options));
}

absl::StatusOr<uint64_t> SealReceived(SnapshotReceiver& receiver) {
  KEELSON_CHECK(receiver.complete(), "only a whole snapshot is installed");
  FileSystem* fs = receiver.fs_;
  const std::string& root = receiver.root_;
  const std::string dir = IncomingDir(root);
  receiver.file_ = nullptr;
  absl::Status status;
  for (const SnapshotFile& file : receiver.manifest_.files) {
    const std::string path = JoinPath(dir, file.name);
    if (!kMutantMarkerBeforeFiles) status.Update(SyncFile(fs, path));
    if (status.ok()) status = CheckFile(fs, path, file);
    if (!status.ok()) return status;
  }
  if (!kMutantMarkerBeforeFiles) status = fs->SyncDirectory(dir);
  if (!status.ok()) return status;
  return BecomeGeneration(fs, root, dir);
}

absl::Status SwitchCurrent(FileSystem* fs, const std::string& root, uint64_t generation) {
  KEELSON_CHECK(generation >= 1, "generations count from 1");
  return WriteFileDurably(*fs, CurrentPath(root), EncodeCurrent(generation));
}

absl::Status ReleaseGeneration(FileSystem* fs, const std::string& root, uint64_t generation) {
  return fs->RemoveAll(GenerationDir(root, generation));
}

}  // namespace keelson::storage
