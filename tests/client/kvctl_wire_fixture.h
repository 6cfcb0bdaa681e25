// kvctl in the test's own process against a real member.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/kvctl_run.h"
#include "tests/client/wire_fixture.h"

namespace keelson::kvctl {

class KvctlFixture : public keelson::testing::SingleMemberTest {
 protected:
  // A command line in which a word @NAME stands for this test's key NAME.
  Ran Kvctl(const std::string& line, const std::string& input = "", Stop* stop = nullptr) {
    std::vector<std::string> words = absl::StrSplit(line, ' ');
    for (std::string& word : words) {
      if (!word.empty() && word[0] == '@') word = Key(word.substr(1));
    }
    return RunWith(words, input, {{"KVCTL_ENDPOINTS", absl::StrJoin(cluster_->endpoints(), ",")}},
                   stop);
  }

  // Puts this test's key `name`; the revision of that.
  int64_t Put(const std::string& name, const std::string& value) {
    const auto put = client_->kv().Put(Key(name), value);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->header.revision : 0;
  }

  int64_t Delete(const std::string& name) {
    const auto deleted = client_->kv().Delete(client::KeyRange::Key(Key(name)));
    EXPECT_TRUE(deleted.ok()) << deleted.status();
    return deleted.ok() ? deleted->header.revision : 0;
  }
};

}  // namespace keelson::kvctl
