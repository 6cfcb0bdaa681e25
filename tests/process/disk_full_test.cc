// A real member on a small disk of its own (a tmpfs; mounting one needs root) that fills up: by
// another program's files, and by its own data.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "tests/harness/ports.h"
#include "tests/harness/server_process.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

using client::KeyRange;

constexpr const char* kNoSpace = "etcdserver: mvcc: database space exceeded";

// Seen by this process and its children alone, and gone with them.
class SmallDisk {
 public:
  explicit SmallDisk(int megabytes) : path_(dir_.path() + "/disk") {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mkdir(path_.c_str(), 0700) != 0 ||
        mount("tmpfs", path_.c_str(), "tmpfs", 0, absl::StrCat("size=", megabytes, "m").c_str()) !=
            0) {
      why_not_ = strerror(errno);
    }
  }
  ~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }

  const std::string& why_not() const { return why_not_; }  // empty: it is there
  const std::string& path() const { return path_; }
  const std::string& log_path() const { return log_path_; }

  uint64_t FreeBytes() const {
    struct statvfs info {};
    return statvfs(path_.c_str(), &info) == 0 ? uint64_t{info.f_bavail} * info.f_frsize : 0;
  }
  // Takes all that is free.
  void Fill() {
    const int fd = open(Ballast().c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    struct stat info {};
    ASSERT_EQ(fstat(fd, &info), 0);
    // In smaller pieces where the member takes some of it at the same time.
    for (auto piece = static_cast<off_t>(FreeBytes()); piece > 0;) {
      if (posix_fallocate(fd, info.st_size, piece) == 0) {
        info.st_size += piece;
        piece = static_cast<off_t>(FreeBytes());
      } else {
        piece /= 2;
      }
    }
    close(fd);
  }
  void Empty() { ASSERT_EQ(unlink(Ballast().c_str()), 0); }

 private:
  std::string Ballast() const { return path_ + "/ballast"; }

  TempDir dir_;
  std::string path_;
  std::string log_path_ = dir_.path() + "/log";
  std::string why_not_;
};

class ProcessDiskFullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto binary = FindServerBinary();
    if (!binary) GTEST_SKIP() << MissingServerMessage();
    if (!disk_.why_not().empty()) {
      GTEST_SKIP() << "SKIPPED, NOTHING WAS TESTED: can't mount a tmpfs: " << disk_.why_not();
    }
    ServerConfig config;
    config.binary = *binary;
    config.name = "m";
    config.data_dir = disk_.path() + "/data";
    config.log_path = disk_.log_path();
    config.client_port = client_port_.port();
    config.peer_port = peer_port_.port();
    config.initial_cluster = absl::StrCat("m=http://127.0.0.1:", peer_port_.port());
    server_ = std::make_unique<ServerProcess>(config);
    ASSERT_TRUE(server_->Start().ok());
    ASSERT_TRUE(server_->WaitHealthy(absl::Seconds(20)).ok()) << server_->LogTail();
    client::ClientOptions options;
    options.endpoints = {server_->endpoint()};
    auto made = client::Client::Create(options);
    ASSERT_TRUE(made.ok()) << made.status();
    client_ = *std::move(made);
  }
  void TearDown() override {
    if (server_ != nullptr) {
      EXPECT_TRUE(server_->IsRunning()) << server_->LogTail();
    }
    if (HasFailure() && server_ != nullptr) std::printf("%s\n", server_->LogTail(20000).c_str());
  }

  absl::Status Put(const std::string& key, const std::string& value = "x") {
    return client_->kv().Put(key, value).status();
  }
  bool Refuses() { return Put("probe").message() == kNoSpace; }
  bool Takes() { return Put("probe").ok(); }
  size_t Alarms() {
    const auto alarms = client_->maintenance().Alarms();
    EXPECT_TRUE(alarms.ok()) << alarms.status();
    return alarms.ok() ? alarms->alarms.size() : 99;
  }

  SmallDisk disk_{96};
  PortLease client_port_, peer_port_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ProcessDiskFullTest, AnotherProgramFillsTheDiskAndMakesRoomAgain) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Put(absl::StrCat("k/", i)).ok());
  const auto watch = client_->Watch(KeyRange::Prefix("k/"));
  disk_.Fill();
  const absl::Time filled = absl::Now();
  ASSERT_TRUE(WaitUntil(absl::Seconds(5), [this] { return Refuses(); }));
  std::printf("read-only %.2f s after the disk was full\n",
              absl::ToDoubleSeconds(absl::Now() - filled));
  EXPECT_TRUE(WaitUntil(absl::Seconds(2), [this] { return Alarms() == 1; }));
  EXPECT_EQ(client_->kv().Get(KeyRange::Prefix("k/"))->count, 100);
  const auto deleted = client_->kv().Delete(KeyRange::Key("k/1"));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(client_->kv().Compact(deleted->header.revision).ok());
  const auto seen = watch->Next(absl::Seconds(5));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->events.front().kv.key, "k/1");

  disk_.Empty();
  const absl::Time emptied = absl::Now();
  EXPECT_TRUE(WaitUntil(absl::Seconds(5), [this] { return Takes(); }));
  std::printf("writes again %.2f s after there was room\n",
              absl::ToDoubleSeconds(absl::Now() - emptied));
  EXPECT_TRUE(WaitUntil(absl::Seconds(2), [this] { return Alarms() == 0; }));
}

TEST_F(ProcessDiskFullTest, ItsOwnDataFillsTheDiskAndDeletesWithACompactionMakeRoom) {
  // Nothing that compresses.
  std::mt19937_64 random(1);
  std::string value(100 << 10, '\0');
  for (char& c : value) c = static_cast<char>(random());
  int written = 0;
  absl::Status status;
  while (written < 5000 && (status = Put(absl::StrCat("k/", written), value)).ok()) ++written;
  EXPECT_EQ(status.message(), kNoSpace);
  EXPECT_GT(written, 100);
  std::printf("%d values of 100 KiB on a disk of 96 MiB\n", written);
  client::GetOptions counting;
  counting.count_only = true;
  EXPECT_EQ(client_->kv().Get(KeyRange::Prefix("k/"), counting)->count, written);
  const auto deleted = client_->kv().Delete(KeyRange::Prefix("k/"));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  ASSERT_TRUE(client_->kv().Compact(deleted->header.revision).ok());
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [this] { return Takes(); }))
      << disk_.FreeBytes() << " bytes are free";
  EXPECT_TRUE(WaitUntil(absl::Seconds(2), [this] { return Alarms() == 0; }));
  // The room comes back by and by, as the store rewrites its files.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] {
      return Put(absl::StrCat("l/", i), value).ok();
    })) << i;
  }
  EXPECT_TRUE(WaitUntil(absl::Seconds(20), [this] { return Alarms() == 0; }));
  server_->Kill();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(server_->WaitHealthy(absl::Seconds(20)).ok()) << server_->LogTail();
  EXPECT_EQ(client_->kv().Get(KeyRange::Prefix("l/"), counting)->count, 20);
}

}  // namespace
}  // namespace keelson::testing
