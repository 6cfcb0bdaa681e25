#include "server/log/log_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/harness/temp_dir.h"

namespace keelson::server {
namespace {

using ::testing::HasSubstr;

// A pipe whose reader reads when it is asked to.
struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() { ::close(read_end); }
  // Until all writers have closed it.
  std::string ReadAll() const {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::read(read_end, buffer, sizeof(buffer))) > 0;) all.append(buffer, n);
    return all;
  }
  int read_end = -1;
  int write_end = -1;
};

TEST(LogOutputTest, LinesArriveInOrderAndAreWaitedForAtTheEnd) {
  const Pipe pipe;
  {
    LogOutput output(pipe.write_end, true);
    for (int i = 0; i < 100; ++i) output.Write("line " + std::to_string(i) + "\n");
  }
  const std::string all = pipe.ReadAll();
  EXPECT_EQ(all.substr(0, 14), "line 0\nline 1\n");
  EXPECT_THAT(all, HasSubstr("line 98\nline 99\n"));
}

TEST(LogOutputTest, AReaderThatIsStuckHoldsNobodyUp) {
  const Pipe pipe;
  const std::string line = std::string(999, 'x') + "\n";
  const auto began = std::chrono::steady_clock::now();
  {
    LogOutput output(pipe.write_end, true);
    // Far more than the pipe and the queue take together.
    for (int i = 0; i < 5000; ++i) output.Write(line);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30))
      << "the end waits for kDrain only";
  EXPECT_GE(pipe.ReadAll().size(), 4096u) << "what fitted was written";
}

TEST(LogOutputTest, WhatWasDroppedIsToldOnceSomebodyReadsOn) {
  const Pipe pipe;
  std::string all;
  {
    LogOutput output(pipe.write_end, true);
    const std::string line = std::string(999, 'x') + "\n";
    // Far more than the pipe, the queue and what the thread took out of it hold together.
    for (int i = 0; i < 5000; ++i) output.Write(line);
    // The queue empties into what is read here, until a later line finds room in it.
    char buffer[65536];
    while (all.find("nobody read them") == std::string::npos) {
      const ssize_t n = ::read(pipe.read_end, buffer, sizeof(buffer));
      ASSERT_GT(n, 0);
      all.append(buffer, n);
      output.Write("later\n");
    }
  }
  EXPECT_THAT(all, HasSubstr("\"lines\":"));
}

TEST(LogOutputTest, AFullDiskCostsTheLinesOnly) {
  const auto began = std::chrono::steady_clock::now();
  {
    LogOutput output(::open("/dev/full", O_WRONLY | O_CLOEXEC), true);
    for (int i = 0; i < 3; ++i) output.Write("lost\n");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(LogOutputsTest, FilesAreAppendedTo) {
  const testing::TempDir dir;
  const std::string path = dir.path() + "/kvd.log";
  for (const char* line : {"first\n", "second\n"}) {
    const auto outputs = LogOutputs::Open(path);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    (*outputs)->Write(line);
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "first\nsecond\n");
}

TEST(LogOutputsTest, AFileThatCannotBeOpenedIsNamed) {
  const auto outputs = LogOutputs::Open("stderr,/no/such/dir/kvd.log");
  EXPECT_EQ(outputs.status().message(),
            "--log-outputs: cannot open \"/no/such/dir/kvd.log\" to append to it: No such file or "
            "directory");
}

}  // namespace
}  // namespace keelson::server
