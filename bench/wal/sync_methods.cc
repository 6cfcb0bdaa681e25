// The cost of making one small append durable, for each way of laying out the file: the measurement
// behind the choice of preallocated, zeroed, recycled segments (ARCHITECTURE.md).
//
//   sync_methods [directory [rounds [bytes]]]
//
// The methods take turns within one run, so that a noisy neighbour hits them alike.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"

namespace keelson::storage {
namespace {

constexpr uint64_t kFileBytes = 64 << 20;
constexpr size_t kPageBytes = 4096;

enum class Layout { kGrowing, kAllocated, kZeroed };

struct Method {
  const char* name;
  Layout layout;
  int flags;
  bool sync;
};

constexpr Method kMethods[] = {
    {"growing file, write + fdatasync", Layout::kGrowing, 0, true},
    {"fallocate, write + fdatasync", Layout::kAllocated, 0, true},
    {"zeroed/recycled, write + fdatasync", Layout::kZeroed, 0, true},
    {"zeroed/recycled, O_DSYNC", Layout::kZeroed, O_DSYNC, false},
    {"zeroed/recycled, O_DIRECT + fdatasync", Layout::kZeroed, O_DIRECT, true},
    {"zeroed/recycled, O_DIRECT | O_DSYNC", Layout::kZeroed, O_DIRECT | O_DSYNC, false},
};

class Probe {
 public:
  Probe(const std::string& dir, const Method& method, size_t number, size_t record_bytes)
      : method_(method),
        record_bytes_(record_bytes),
        path_(dir + "/sync-method-" + std::to_string(number)) {
    int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    KEELSON_CHECK(fd >= 0, "the directory to measure must be writable");
    if (method.layout == Layout::kAllocated) {
      KEELSON_CHECK(fallocate(fd, 0, 0, kFileBytes) == 0, "the disk has room");
    } else if (method.layout == Layout::kZeroed) {
      const std::string zeros(1 << 20, '\0');
      for (uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
        KEELSON_CHECK(write(fd, zeros.data(), zeros.size()) > 0, "the disk has room");
      }
    }
    KEELSON_CHECK(fsync(fd) == 0, "the disk works");
    close(fd);
    fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC | method.flags);
    void* aligned = nullptr;
    const size_t whole_pages = (record_bytes_ + kPageBytes - 1) / kPageBytes * kPageBytes;
    KEELSON_CHECK(posix_memalign(&aligned, kPageBytes, whole_pages) == 0, "memory");
    buffer_.reset(static_cast<char*>(aligned));
    std::fill(buffer_.get(), buffer_.get() + whole_pages, 'k');
  }
  ~Probe() {
    close(fd_);
    unlink(path_.c_str());
  }

  bool usable() const { return fd_ >= 0; }

  void Once() {
    const bool direct = (method_.flags & O_DIRECT) != 0;
    // A direct write repeats the whole pages that the record is in.
    const size_t whole_pages = (record_bytes_ + kPageBytes - 1) / kPageBytes * kPageBytes;
    const size_t bytes = direct ? whole_pages : record_bytes_;
    const uint64_t at = direct ? offset_ / kPageBytes * kPageBytes : offset_;
    const auto start = std::chrono::steady_clock::now();
    KEELSON_CHECK(
        pwrite(fd_, buffer_.get(), bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes),
        "the disk works");
    if (method_.sync) KEELSON_CHECK(fdatasync(fd_) == 0, "the disk works");
    micros_.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
    offset_ = (offset_ + record_bytes_) % (kFileBytes / 2);
  }

  void Report() {
    std::sort(micros_.begin(), micros_.end());
    auto at = [&](double share) {
      return micros_[static_cast<size_t>(share * static_cast<double>(micros_.size() - 1))];
    };
    std::printf("| %-46s | %8.0f | %8.0f | %8.0f | %8.0f |\n", method_.name, at(0.1), at(0.5),
                at(0.9), at(0.99));
  }

 private:
  struct Free {
    void operator()(char* memory) const { free(memory); }
  };

  const Method& method_;
  const size_t record_bytes_;
  const std::string path_;
  int fd_ = -1;
  uint64_t offset_ = 0;
  std::unique_ptr<char, Free> buffer_;
  std::vector<double> micros_;
};

void Run(const std::string& dir, int rounds, size_t record_bytes) {
  std::vector<std::unique_ptr<Probe>> probes;
  for (const Method& method : kMethods) {
    auto probe = std::make_unique<Probe>(dir, method, probes.size(), record_bytes);
    if (probe->usable()) probes.push_back(std::move(probe));
  }
  for (int round = 0; round < rounds; ++round) {
    for (auto& probe : probes) probe->Once();
  }
  std::printf("durable append of %zu bytes, rounds: %d\n", record_bytes, rounds);
  std::printf("| %-46s | %8s | %8s | %8s | %8s |\n|---|---|---|---|---|\n", "method", "p10 us",
              "p50 us", "p90 us", "p99 us");
  for (auto& probe : probes) probe->Report();
}

}  // namespace
}  // namespace keelson::storage

int main(int argc, char** argv) {
  const char* const dir = argc > 1 ? argv[1] : ".";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 1000;
  const size_t record_bytes = argc > 3 ? std::strtoull(argv[3], nullptr, 0) : 512;
  keelson::storage::Run(dir, rounds, record_bytes);
  return 0;
}
