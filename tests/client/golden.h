// Comparison with a file of the repository. KEELSON_REWRITE_GOLDEN=1 writes it anew instead.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace keelson::testing {

// `path` is relative to the repository's root, where tests run.
inline void ExpectGolden(const std::string& path, const std::string& actual) {
  if (std::getenv("KEELSON_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file.is_open()) << path << " is missing; KEELSON_REWRITE_GOLDEN=1 makes it";
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(actual, expected.str()) << path << " differs; KEELSON_REWRITE_GOLDEN=1 rewrites it";
}

}  // namespace keelson::testing
