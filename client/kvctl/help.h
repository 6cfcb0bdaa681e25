// The texts of kvctl's help.
#pragma once

#include <ostream>
#include <string>

#include "client/kvctl/command.h"

namespace keelson::kvctl {

// What kvctl is, its commands, its global flags, environment and exit codes.
void PrintOverview(std::ostream& out);

// One command: usage, what it does, its flags, examples.
void PrintCommandHelp(const Command& command, std::ostream& out);

// The commands of a group such as "lease". False if there is no such group.
bool PrintGroupHelp(const std::string& group, std::ostream& out);

// The command of this name or alias; null if there is none.
const Command* FindCommand(const std::string& name);

// Whether a command of this name has members: "lease" for "lease grant".
bool IsGroup(const std::string& name);

}  // namespace keelson::kvctl
