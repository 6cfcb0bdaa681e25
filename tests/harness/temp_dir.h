// A directory for one test, removed with it.
#pragma once

#include <string>

namespace keelson::testing {

class TempDir {
 public:
  // Under $TMPDIR or /tmp. Ends the process when none can be made.
  TempDir();
  // Removes everything, unless $KEELSON_TEST_KEEP is set: then it says where it is.
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace keelson::testing
