#include "raft/config_history.h"

#include <utility>

#include "base/check.h"

namespace keelson::raft {

ConfigHistory::ConfigHistory(At committed) { history_.push_back(std::move(committed)); }

void ConfigHistory::Append(Index index, Configuration configuration) {
  KEELSON_CHECK(index > latest().index, "a configuration is appended behind a later one");
  history_.push_back(At{index, std::move(configuration)});
}

void ConfigHistory::Truncate(Index keep) {
  while (latest().index > keep) {
    KEELSON_CHECK(history_.size() > 1, "the committed configuration would be truncated");
    history_.pop_back();
  }
}

bool ConfigHistory::CommitTo(Index commit) {
  bool changed = false;
  while (history_.size() > 1 && history_[1].index <= commit) {
    history_.pop_front();
    changed = true;
  }
  return changed;
}

void ConfigHistory::Reset(At committed) {
  history_.clear();
  history_.push_back(std::move(committed));
}

}  // namespace keelson::raft
