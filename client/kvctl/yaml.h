// YAML of what JSON can say.
#pragma once

#include <string>

#include "client/kvctl/json_value.h"

namespace keelson::kvctl {

// One document, with its "---" in front: block style, strings in double quotes, the members in
// their order. Every reader of YAML gets from it what a reader of JSON gets from the JSON.
std::string ToYaml(const JsonValue& value);

}  // namespace keelson::kvctl
