#include "raft/config_codec.h"

#include <optional>
#include <utility>

#include "base/check.h"

namespace keelson::raft {
namespace {

constexpr uint8_t kFlagAutoLeave = 1;
constexpr uint8_t kRoleVoter = 1;
constexpr uint8_t kRoleOutgoing = 2;
constexpr uint8_t kRoleLearner = 4;
constexpr uint8_t kRoleLearnerNext = 8;
constexpr uint8_t kAllRoles = kRoleVoter | kRoleOutgoing | kRoleLearner | kRoleLearnerNext;

class Writer {
 public:
  void Byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void Fixed(uint64_t value) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
  }
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
  }
  void String(const std::string& value) {
    Varint(value.size());
    out_.append(value);
  }
  void Strings(const std::vector<std::string>& values) {
    Varint(values.size());
    for (const std::string& value : values) String(value);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Every function returns nothing or false once the bytes ran out or broke a bound.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool AtEnd() const { return rest_.empty(); }

  std::optional<uint8_t> Byte() {
    if (rest_.empty()) return std::nullopt;
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::optional<uint64_t> Fixed() {
    if (rest_.size() < 8) return std::nullopt;
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
    rest_.remove_prefix(8);
    return value;
  }

  // The shortest form only, so that equal values have equal bytes.
  std::optional<uint64_t> Varint(uint64_t max) {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const std::optional<uint8_t> byte = Byte();
      if (!byte.has_value()) return std::nullopt;
      value |= uint64_t{*byte & 0x7fu} << shift;
      if ((*byte & 0x80) != 0) continue;
      if ((*byte == 0 && shift > 0) || value > max) return std::nullopt;
      return value;
    }
    return std::nullopt;
  }

  bool String(std::string* out) {
    const std::optional<uint64_t> size = Varint(Configuration::kMaxStringBytes);
    if (!size.has_value() || rest_.size() < *size) return false;
    out->assign(rest_.substr(0, *size));
    rest_.remove_prefix(*size);
    return true;
  }

  bool Strings(std::vector<std::string>* out) {
    const std::optional<uint64_t> count = Varint(Configuration::kMaxUrls);
    if (!count.has_value()) return false;
    for (uint64_t i = 0; i < *count; ++i) {
      if (!String(&out->emplace_back())) return false;
    }
    return true;
  }

 private:
  std::string_view rest_;
};

uint8_t RolesOf(const Configuration& c, NodeId id) {
  uint8_t roles = 0;
  if (c.voters.contains(id)) roles |= kRoleVoter;
  if (c.outgoing.contains(id)) roles |= kRoleOutgoing;
  if (c.learners.contains(id)) roles |= kRoleLearner;
  if (c.learners_next.contains(id)) roles |= kRoleLearnerNext;
  return roles;
}

bool ReadMember(Reader& in, NodeId& previous, Configuration& c) {
  const std::optional<uint64_t> number = in.Fixed();
  const std::optional<uint8_t> roles = in.Byte();
  if (!number.has_value() || !roles.has_value() || (*roles & ~kAllRoles) != 0) return false;
  const NodeId id(*number);
  if (id <= previous) return false;
  previous = id;
  if ((*roles & kRoleVoter) != 0) c.voters.insert(id);
  if ((*roles & kRoleOutgoing) != 0) c.outgoing.insert(id);
  if ((*roles & kRoleLearner) != 0) c.learners.insert(id);
  if ((*roles & kRoleLearnerNext) != 0) c.learners_next.insert(id);
  MemberInfo& info = c.members[id];
  const std::optional<uint64_t> incarnation = in.Fixed();
  info.incarnation = incarnation.value_or(0);
  return incarnation.has_value() && in.String(&info.name) && in.Strings(&info.peer_urls) &&
         in.Strings(&info.client_urls);
}

bool ReadAfterVersion(Reader& in, Configuration& c) {
  const std::optional<uint8_t> flags = in.Byte();
  if (!flags.has_value() || (*flags & ~kFlagAutoLeave) != 0) return false;
  c.auto_leave = (*flags & kFlagAutoLeave) != 0;
  const std::optional<uint64_t> members = in.Varint(Configuration::kMaxMembers);
  if (!members.has_value()) return false;
  NodeId previous;
  for (uint64_t i = 0; i < *members; ++i) {
    if (!ReadMember(in, previous, c)) return false;
  }
  const std::optional<uint64_t> removed = in.Varint(Configuration::kMaxRemoved);
  if (!removed.has_value()) return false;
  previous = NodeId();
  for (uint64_t i = 0; i < *removed; ++i) {
    const std::optional<uint64_t> id = in.Fixed();
    if (!id.has_value() || NodeId(*id) <= previous) return false;
    previous = NodeId(*id);
    c.removed.insert(previous);
  }
  return in.AtEnd();
}

}  // namespace

std::string EncodeConfiguration(const Configuration& configuration) {
  KEELSON_CHECK(ValidateConfiguration(configuration).ok(), "an invalid configuration is encoded");
  Writer out;
  out.Byte(kConfigurationFormat);
  out.Byte(configuration.auto_leave ? kFlagAutoLeave : 0);
  out.Varint(configuration.members.size());
  for (const auto& [id, info] : configuration.members) {
    out.Fixed(id.value());
    out.Byte(RolesOf(configuration, id));
    out.Fixed(info.incarnation);
    out.String(info.name);
    out.Strings(info.peer_urls);
    out.Strings(info.client_urls);
  }
  out.Varint(configuration.removed.size());
  for (NodeId id : configuration.removed) out.Fixed(id.value());
  return out.Take();
}

absl::StatusOr<Configuration> DecodeConfiguration(std::string_view bytes) {
  Reader in(bytes);
  const std::optional<uint8_t> version = in.Byte();
  if (!version.has_value()) return absl::DataLossError("configuration: no bytes");
  if (*version != kConfigurationFormat) {
    return absl::UnimplementedError(
        "configuration: written by a later version; upgrade this member");
  }
  Configuration configuration;
  if (!ReadAfterVersion(in, configuration)) {
    return absl::DataLossError("configuration: the bytes are damaged");
  }
  const absl::Status valid = ValidateConfiguration(configuration);
  if (!valid.ok()) return absl::DataLossError(valid.message());
  return configuration;
}

}  // namespace keelson::raft
