#include "tests/harness/temp_dir.h"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/check.h"

namespace keelson::testing {

TempDir::TempDir() {
  const char* root = getenv("TMPDIR");
  path_ = std::string(root != nullptr ? root : "/tmp") + "/keelson-test.XXXXXX";
  KEELSON_CHECK(mkdtemp(path_.data()) != nullptr, "a test needs a writable $TMPDIR or /tmp");
}

TempDir::~TempDir() {
  if (getenv("KEELSON_TEST_KEEP") != nullptr) {
    fprintf(stderr, "kept: %s\n", path_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace keelson::testing
