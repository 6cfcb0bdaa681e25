#include "client/kvctl/profile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace keelson::kvctl {
namespace {

constexpr size_t kMaxFile = 1 << 20;

absl::Status Bad(const std::string& path, size_t line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ", line ", line, ": ", what));
}

const FlagSpec* FindSpec(const std::vector<FlagSpec>& specs, const std::string& name) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const FlagSpec& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

// What is wrong with the setting, or "".
std::string Problem(const std::vector<FlagSpec>& specs, const std::string& name,
                    const std::string& value) {
  const FlagSpec* spec = FindSpec(specs, name);
  if (spec == nullptr || name == "profile") {
    std::vector<std::string> names;
    for (const FlagSpec& one : specs) {
      if (one.name != "profile") names.push_back(one.name);
    }
    return absl::StrCat("\"", name, "\" can't be set; what can: ", absl::StrJoin(names, ", "));
  }
  const auto parsed = ParseFlags({*spec}, {"--" + name + "=" + value});
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

// An open file that is closed.
class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status System(const std::string& path) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::strerror(errno)));
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int fd) {
  std::string text(kMaxFile + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return System(path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxFile) return absl::InvalidArgumentError(absl::StrCat(path, " is above 1 MiB"));
  text.resize(size);
  return text;
}

bool HoldsSecrets(const Profiles& profiles, const std::vector<FlagSpec>& specs) {
  for (const auto& [profile, settings] : profiles.named) {
    for (const auto& [name, value] : settings) {
      if (FindSpec(specs, name)->secret) return true;
    }
  }
  return false;
}

}  // namespace

std::string ProfilesPath(const std::map<std::string, std::string>& variables) {
  const auto of = [&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  // A relative XDG_CONFIG_HOME is to be ignored, says the XDG base directory specification.
  const std::string config = of("XDG_CONFIG_HOME");
  if (absl::StartsWith(config, "/")) return config + "/keelson/kvctl.conf";
  const std::string home = of("HOME");
  return home.empty() ? "" : home + "/.config/keelson/kvctl.conf";
}

absl::StatusOr<Profiles> ParseProfiles(const std::string& path, std::string_view text,
                                       const std::vector<FlagSpec>& specs) {
  Profiles profiles{.path = path};
  Settings* current = nullptr;
  size_t number = 0;
  for (const absl::string_view raw :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '[') {
      const std::string name(absl::StripAsciiWhitespace(line.substr(1, line.size() - 2)));
      if (line.back() != ']' || name.empty()) return Bad(path, number, "give [NAME]");
      if (profiles.named.count(name) > 0) return Bad(path, number, name + " is there twice");
      current = &profiles.named[name];
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == absl::string_view::npos) return Bad(path, number, "give NAME = VALUE");
    if (current == nullptr) return Bad(path, number, "a [NAME] must come first");
    const std::string name(absl::StripAsciiWhitespace(line.substr(0, equals)));
    const std::string value(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    const std::string problem = Problem(specs, name, value);
    if (!problem.empty()) return Bad(path, number, problem);
    if (!current->emplace(name, value).second) return Bad(path, number, name + " is set twice");
  }
  return profiles;
}

absl::StatusOr<Profiles> ReadProfiles(const std::string& path, const std::vector<FlagSpec>& specs) {
  if (path.empty()) return Profiles{};
  const File file(path);
  if (file.fd() < 0 && (errno == ENOENT || errno == ENOTDIR)) return Profiles{.path = path};
  if (file.fd() < 0) return System(path);
  struct stat about = {};
  if (fstat(file.fd(), &about) != 0) return System(path);
  const auto text = ReadAll(path, file.fd());
  if (!text.ok()) return text.status();
  auto profiles = ParseProfiles(path, *text, specs);
  if (!profiles.ok()) return profiles;
  const unsigned mode = about.st_mode & 0777;
  const bool theirs = about.st_uid != geteuid() && about.st_uid != 0;
  const bool loose = (mode & 022) != 0 || (HoldsSecrets(*profiles, specs) && (mode & 044) != 0);
  if (theirs || loose) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s (mode %04o) is not for you alone; chmod 600 it%s", path, mode,
                        theirs ? ", and chown it to yourself" : ""));
  }
  return profiles;
}

}  // namespace keelson::kvctl
