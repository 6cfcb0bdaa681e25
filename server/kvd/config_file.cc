// Flags from a YAML file; the one place that uses yaml-cpp, whose errors are exceptions.
#include <yaml-cpp/yaml.h>

#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/view.h"
#include "server/kvd/flag_sources.h"
#include "server/kvd/flag_table.h"

namespace keelson::server {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// "" for null, "a,b" for a list.
absl::StatusOr<std::string> ValueText(const std::string& key, const YAML::Node& value) {
  if (value.IsNull()) return std::string();
  if (value.IsScalar()) return value.Scalar();
  if (!value.IsSequence()) {
    return absl::InvalidArgumentError(absl::StrCat(key, " must be one value, or a list of them"));
  }
  std::vector<std::string> parts;
  for (const YAML::Node& part : value) {
    if (!part.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(key, " must be a list of plain values"));
    }
    parts.push_back(part.Scalar());
  }
  return absl::StrJoin(parts, ",");
}

// The flag of a key in a block of TLS settings.
std::string BlockFlag(const std::string& prefix, const std::string& key) {
  static const std::map<std::string, std::string>& renamed =
      *new std::map<std::string, std::string>{{"allowed-cn", "cert-allowed-cn"},
                                              {"allowed-hostname", "cert-allowed-hostname"},
                                              {"allowed-hostnames", "cert-allowed-hostname"}};
  const auto found = renamed.find(key);
  if (prefix.empty() && found != renamed.end()) return "client-" + found->second;
  return prefix + (found == renamed.end() ? key : found->second);
}

absl::Status ReadMap(const YAML::Node& map, const std::string& block, const std::string& prefix,
                     Settings* settings) {
  for (const auto& pair : map) {
    const std::string key = pair.first.as<std::string>();
    const std::string shown = block.empty() ? key : absl::StrCat(block, ": ", key);
    if (block.empty() && (key == "client-transport-security" || key == "peer-transport-security")) {
      if (pair.second.IsNull()) continue;
      if (!pair.second.IsMap()) {
        return absl::InvalidArgumentError(absl::StrCat(key, " must be a block of settings"));
      }
      const std::string inner = key == "peer-transport-security" ? "peer-" : "";
      if (auto status = ReadMap(pair.second, key, inner, settings); !status.ok()) return status;
      continue;
    }
    auto text = ValueText(shown, pair.second);
    if (!text.ok()) return text.status();
    settings->emplace_back(block.empty() ? key : BlockFlag(prefix, key), *std::move(text));
  }
  return absl::OkStatus();
}

absl::StatusOr<Settings> ReadYaml(const std::string& text) {
  Settings settings;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return settings;
    if (!root.IsMap()) return absl::InvalidArgumentError("is no map of flags");
    if (auto status = ReadMap(root, "", "", &settings); !status.ok()) return status;
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
  }
  return settings;
}

}  // namespace

absl::Status TakeConfigFile(const std::string& path, const std::string& text, KvdFlags* flags,
                            GivenFlags* given) {
  const auto settings = ReadYaml(text);
  if (!settings.ok()) {
    return absl::Status(settings.status().code(),
                        absl::StrCat(path, ": ", settings.status().message()));
  }
  for (const auto& [name, value] : *settings) {
    const Flag* flag =
        name == "config-file" || name == "version" || name == "help" ? nullptr : FindFlag(name);
    if (flag == nullptr) {
      flags->warnings.push_back(absl::StrCat(path, ": \"", name, "\" is no flag (did you mean ",
                                             ToAbsl(NearestFlag(name)), "?)"));
      continue;
    }
    if (value.empty()) continue;
    int64_t nanos = 0;
    const bool bare_time = std::holds_alternative<KvdFlags::Time KvdFlags::*>(flag->target) &&
                           absl::SimpleAtoi(value, &nanos);
    if (auto status = Assign(*flag, bare_time ? absl::StrCat(value, "ns") : value, flags);
        !status.ok()) {
      return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
    }
    given->insert(flag->name);
  }
  return absl::OkStatus();
}

}  // namespace keelson::server
