// What storage/ relies on, run on both implementations of the disk seam.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/fs/faulty_fs.h"
#include "storage/fs/fs.h"
#include "storage/fs/posix_fs.h"

namespace keelson::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Disk {
 public:
  virtual ~Disk() = default;
  virtual FileSystem& fs() = 0;
  virtual std::string dir() = 0;
};

class PosixDisk : public Disk {
 public:
  PosixDisk() {
    std::string pattern = testing::TempDir() + "/keelson-fs-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~PosixDisk() override { std::filesystem::remove_all(dir_); }
  FileSystem& fs() override { return fs_; }
  std::string dir() override { return dir_; }

 private:
  std::string dir_;
  PosixFileSystem fs_;
};

class FaultyDisk : public Disk {
 public:
  FaultyDisk() : fs_([] { return uint64_t{1}; }) { (void)fs_.CreateDirectories("/data"); }
  FileSystem& fs() override { return fs_; }
  std::string dir() override { return "/data"; }

 private:
  FaultyFileSystem fs_;
};

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Disk>()> make;
};

class FsContract : public testing::TestWithParam<Kind> {
 protected:
  FsContract() : disk_(GetParam().make()), fs_(disk_->fs()) {}

  std::string Path(const std::string& name) { return JoinPath(disk_->dir(), name); }
  std::unique_ptr<File> MustOpen(const std::string& name, OpenMode mode) {
    auto file = fs_.Open(Path(name), mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? std::move(*file) : nullptr;
  }
  std::string Contents(const std::string& name) {
    auto data = ReadFile(fs_, Path(name), 1 << 20);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *data : "";
  }
  void Write(const std::string& name, const std::string& data) {
    ASSERT_TRUE(MustOpen(name, OpenMode::kCreateOrTruncate)->WriteAt(0, data).ok());
  }

  std::unique_ptr<Disk> disk_;
  FileSystem& fs_;
};

INSTANTIATE_TEST_SUITE_P(
    Disks, FsContract,
    testing::Values(Kind{"Posix", [] { return std::make_unique<PosixDisk>(); }},
                    Kind{"Faulty", [] { return std::make_unique<FaultyDisk>(); }}),
    [](const auto& instance) { return instance.param.name; });

TEST_P(FsContract, AScatteredWriteReadsBackInOrder) {
  auto file = MustOpen("a", OpenMode::kCreate);
  std::string long_part(10000, 'x');
  std::vector<std::string_view> parts = {"one", "", "two", long_part, "end"};
  ASSERT_TRUE(file->WriteAt(5, parts).ok());
  std::string expected = std::string(5, '\0') + "onetwo" + long_part + "end";
  EXPECT_EQ(*file->Size(), expected.size());
  EXPECT_EQ(Contents("a"), expected);
}

TEST_P(FsContract, AWriteOfMoreThanAThousandPartsIsWhole) {
  auto file = MustOpen("a", OpenMode::kCreate);
  std::string expected;
  std::vector<std::string> owned;
  for (int i = 0; i < 3000; ++i) owned.push_back(std::to_string(i));
  std::vector<std::string_view> parts(owned.begin(), owned.end());
  for (const std::string& part : owned) expected += part;
  ASSERT_TRUE(file->WriteAt(0, parts).ok());
  EXPECT_EQ(Contents("a"), expected);
}

TEST_P(FsContract, AReadIsShortOnlyAtTheEndOfTheFile) {
  auto file = MustOpen("a", OpenMode::kCreate);
  ASSERT_TRUE(file->WriteAt(0, "hello").ok());
  char out[16];
  EXPECT_EQ(*file->ReadAt(0, 3, out), 3u);
  EXPECT_EQ(*file->ReadAt(3, 16, out), 2u);
  EXPECT_EQ(std::string(out, 2), "lo");
  EXPECT_EQ(*file->ReadAt(100, 16, out), 0u);
}

TEST_P(FsContract, AllocateGrowsWithZerosAndTruncateCuts) {
  auto file = MustOpen("a", OpenMode::kCreate);
  ASSERT_TRUE(file->WriteAt(0, "abcdef").ok());
  ASSERT_TRUE(file->Allocate(8192).ok());
  EXPECT_EQ(*file->Size(), 8192u);
  ASSERT_TRUE(file->Truncate(3).ok());
  ASSERT_TRUE(file->Truncate(6).ok());
  EXPECT_EQ(Contents("a"), std::string("abc") + std::string(3, '\0'));
  EXPECT_TRUE(file->DataSync().ok());
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(FsContract, OpenModesHoldTheirWord) {
  EXPECT_TRUE(absl::IsNotFound(fs_.Open(Path("a"), OpenMode::kReadOnly).status()));
  EXPECT_TRUE(absl::IsNotFound(fs_.Open(Path("a"), OpenMode::kReadWrite).status()));
  EXPECT_TRUE(absl::IsNotFound(fs_.Open(Path("no/a"), OpenMode::kCreate).status()));
  Write("a", "data");
  EXPECT_TRUE(absl::IsAlreadyExists(fs_.Open(Path("a"), OpenMode::kCreate).status()));
  MustOpen("a", OpenMode::kCreateOrOpen);
  EXPECT_EQ(Contents("a"), "data");
  MustOpen("a", OpenMode::kCreateOrTruncate);
  EXPECT_EQ(Contents("a"), "");
  EXPECT_FALSE(fs_.Open(disk_->dir(), OpenMode::kReadOnly).ok());
}

TEST_P(FsContract, AReadOnlyFileRefusesWrites) {
  Write("a", "data");
  EXPECT_FALSE(MustOpen("a", OpenMode::kReadOnly)->WriteAt(0, "x").ok());
}

TEST_P(FsContract, ErrorsNameThePath) {
  auto status = fs_.Open(Path("missing"), OpenMode::kReadOnly).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("missing")));
  EXPECT_THAT(std::string(fs_.Remove(Path("gone")).message()), HasSubstr(Path("gone")));
}

TEST_P(FsContract, RenameReplacesTheTarget) {
  Write("a", "new");
  Write("b", "old");
  ASSERT_TRUE(fs_.Rename(Path("a"), Path("b")).ok());
  EXPECT_EQ(Contents("b"), "new");
  EXPECT_FALSE(*fs_.Exists(Path("a")));
  EXPECT_TRUE(absl::IsNotFound(fs_.Rename(Path("a"), Path("c"))));
  ASSERT_TRUE(fs_.Rename(Path("b"), Path("b")).ok());
  EXPECT_EQ(Contents("b"), "new");
}

TEST_P(FsContract, ARenamedDirectoryKeepsItsFiles) {
  ASSERT_TRUE(fs_.CreateDirectories(Path("d/e")).ok());
  Write("d/e/f", "x");
  ASSERT_TRUE(fs_.Rename(Path("d"), Path("g")).ok());
  EXPECT_EQ(Contents("g/e/f"), "x");
  EXPECT_FALSE(*fs_.Exists(Path("d/e")));
}

TEST_P(FsContract, ALinkIsTheSameFile) {
  Write("a", "one");
  ASSERT_TRUE(fs_.Link(Path("a"), Path("b")).ok());
  ASSERT_TRUE(MustOpen("a", OpenMode::kReadWrite)->WriteAt(0, "two").ok());
  ASSERT_TRUE(fs_.Remove(Path("a")).ok());
  EXPECT_EQ(Contents("b"), "two");
  EXPECT_TRUE(absl::IsNotFound(fs_.Link(Path("a"), Path("c"))));
  Write("d", "");
  EXPECT_TRUE(absl::IsAlreadyExists(fs_.Link(Path("b"), Path("d"))));
}

TEST_P(FsContract, ARemovedFileStaysReadableThroughItsHandle) {
  Write("a", "data");
  auto file = MustOpen("a", OpenMode::kReadOnly);
  ASSERT_TRUE(fs_.Remove(Path("a")).ok());
  char out[4];
  EXPECT_EQ(*file->ReadAt(0, 4, out), 4u);
}

TEST_P(FsContract, DirectoriesAreMadeWithParentsListedSortedAndRemovedWhole) {
  ASSERT_TRUE(fs_.CreateDirectories(Path("x/y/z")).ok());
  ASSERT_TRUE(fs_.CreateDirectories(Path("x/y/z")).ok());
  Write("x/b", "1");
  Write("x/a", "2");
  EXPECT_THAT(*fs_.List(Path("x")), ElementsAre("a", "b", "y"));
  EXPECT_FALSE(fs_.Remove(Path("x")).ok());
  EXPECT_FALSE(fs_.CreateDirectories(Path("x/a")).ok());
  EXPECT_TRUE(absl::IsNotFound(fs_.List(Path("nowhere")).status()));
  ASSERT_TRUE(fs_.SyncDirectory(Path("x")).ok());
  EXPECT_FALSE(fs_.SyncDirectory(Path("nowhere")).ok());
  ASSERT_TRUE(fs_.RemoveAll(Path("x")).ok());
  EXPECT_FALSE(*fs_.Exists(Path("x")));
  ASSERT_TRUE(fs_.RemoveAll(Path("x")).ok());
  ASSERT_TRUE(CreateDirectoriesDurably(fs_, Path("p/q/r")).ok());
  EXPECT_TRUE(*fs_.Exists(Path("p/q/r")));
}

TEST_P(FsContract, ALockExcludesASecondOneUntilReleased) {
  auto lock = fs_.Lock(Path("LOCK"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  auto second = fs_.Lock(Path("LOCK")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(std::string(second.message()), HasSubstr("LOCK"));
  lock->reset();
  EXPECT_TRUE(fs_.Lock(Path("LOCK")).ok());
}

TEST_P(FsContract, WholeFileHelpersReplaceAndBound) {
  ASSERT_TRUE(WriteFileDurably(fs_, Path("f"), "first").ok());
  ASSERT_TRUE(WriteFileDurably(fs_, Path("f"), "2nd").ok());
  EXPECT_EQ(Contents("f"), "2nd");
  EXPECT_FALSE(*fs_.Exists(Path("f.tmp")));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(fs_, Path("f"), 2).status()));
  EXPECT_GT(*fs_.FreeBytes(disk_->dir()), 0u);
  EXPECT_GE(*fs_.TotalBytes(disk_->dir()), *fs_.FreeBytes(disk_->dir()));
}

TEST_P(FsContract, ADsyncFileNeedsNoSync) {
  auto file = fs_.Open(Path("a"), OpenMode::kCreate, SyncMethod::kDsync);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->WriteAt(0, "abc").ok());
  EXPECT_TRUE((*file)->DataSync().ok());
  EXPECT_EQ(Contents("a"), "abc");
}

TEST(FsPaths, ParentsAndJoinsAreExact) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
  EXPECT_EQ(ParentDirectory("/a/b/"), "/a");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("/"), "/");
  EXPECT_EQ(ParentDirectory("a"), ".");
}

}  // namespace
}  // namespace keelson::storage
