// Plays every file of tests/raft/transcripts and compares. After a change that is meant:
//   raft_transcript_test --rewrite      (from the root of the repository), then read the
//   difference.
#include "tests/raft/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace keelson::raft::testing {
namespace {

constexpr const char* kFolder = "tests/raft/transcripts";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Transcripts, PlayAsWritten) {
  const std::vector<std::filesystem::path> files = Files();
  ASSERT_GE(files.size(), 8u);
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    const std::string text = ReadFile(file);
    EXPECT_EQ(Transcript().Play(text), text);
  }
}

void Rewrite() {
  for (const auto& file : Files()) {
    const std::string text = Transcript().Play(ReadFile(file));
    std::ofstream(file) << text;
    std::cout << "rewrote " << file.string() << "\n";
  }
}

}  // namespace
}  // namespace keelson::raft::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::string(argv[1]) == "--rewrite") {
    keelson::raft::testing::Rewrite();
    return 0;
  }
  return RUN_ALL_TESTS();
}
