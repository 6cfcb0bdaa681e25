// kvd snapshot: looks at the file of a snapshot, and makes data directories of it.
#pragma once

#include <string>
#include <vector>

namespace keelson::server {

// Runs `kvd snapshot ARGUMENTS...`: prints what it found, or what it did, and returns the exit code
// of the process. Progress goes to stderr where that is a terminal.
int RunSnapshotCommand(const std::vector<std::string>& arguments);

}  // namespace keelson::server
