#include "client/kvctl/transfer.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/kvctl/json.h"

namespace keelson::kvctl {
namespace {

// Below etcd's 1.5 MiB of a transaction.
constexpr size_t kMostBytes = 512 << 10;
constexpr int kAttempts = 4;
constexpr char kFormat[] = "keelson-export";

absl::StatusOr<std::string> Base64(const JsonValue& value) {
  std::string bytes;
  if (value.kind != JsonValue::Kind::kString || !absl::Base64Unescape(value.text, &bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", value.text, "\" is not base64"));
  }
  return bytes;
}

absl::StatusOr<int64_t> Number(const JsonValue& value, const char* name) {
  int64_t number = 0;
  // Gateways write 64-bit numbers as strings.
  if (absl::SimpleAtoi(value.text, &number)) return number;
  return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not a whole number"));
}

absl::StatusOr<client::KeyValue> ToPair(const JsonValue& json) {
  const JsonValue* key = json.Find("key");
  if (key == nullptr) return absl::InvalidArgumentError("a pair has no \"key\"");
  client::KeyValue pair;
  auto bytes = Base64(*key);
  if (!bytes.ok()) return bytes.status();
  if (bytes->empty()) return absl::InvalidArgumentError("a pair has an empty key");
  pair.key = *std::move(bytes);
  if (const JsonValue* value = json.Find("value")) {
    auto stored = Base64(*value);
    if (!stored.ok()) return stored.status();
    pair.value = *std::move(stored);
  }
  if (const JsonValue* lease = json.Find("lease")) {
    const auto id = Number(*lease, "lease");
    if (!id.ok()) return id.status();
    pair.lease = *id;
  }
  return pair;
}

// Reads values and hands on what they hold.
class ExportReader {
 public:
  explicit ExportReader(absl::FunctionRef<absl::Status(client::KeyValue)> take) : take_(take) {}

  absl::Status Take(const JsonValue& json) {
    if (const JsonValue* format = json.Find("format")) {
      if (auto status = TakeHeader(json, *format); !status.ok()) return status;
      if (json.Find("kvs") == nullptr) return absl::OkStatus();
    } else if (json.Find("kvs") == nullptr && json.Find("header") == nullptr) {
      return TakePair(json);
    }
    const JsonValue* pairs = json.Find("kvs");
    if (pairs == nullptr) return absl::OkStatus();
    for (const JsonValue& pair : pairs->items) {
      if (auto status = TakePair(pair); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status End() const {
    if (expected_ < 0 || expected_ == taken_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the header tells of ", expected_, " pairs, but there are ", taken_,
                     ": it is cut off or was edited (without its header it would be taken)"));
  }

 private:
  absl::Status TakeHeader(const JsonValue& json, const JsonValue& format) {
    const JsonValue* version = json.Find("version");
    const JsonValue* count = json.Find("count");
    if (format.text != kFormat || version == nullptr || version->text != "1") {
      return absl::InvalidArgumentError("this is no export that this version can read");
    }
    if (count == nullptr) return absl::OkStatus();
    const auto number = Number(*count, "count");
    if (!number.ok()) return number.status();
    expected_ = *number;
    return absl::OkStatus();
  }

  absl::Status TakePair(const JsonValue& json) {
    auto pair = ToPair(json);
    if (!pair.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("pair ", taken_ + 1, ": ", pair.status().message()));
    }
    ++taken_;
    return take_(*std::move(pair));
  }

  absl::FunctionRef<absl::Status(client::KeyValue)> take_;
  int64_t expected_ = -1;
  int64_t taken_ = 0;
};

}  // namespace

std::vector<FlagSpec> KeyMapFlags() {
  return {{.name = "prefix",
           .kind = FlagSpec::Kind::kString,
           .value_name = "TEXT",
           .help = "only keys that begin with TEXT"},
          {.name = "dest-prefix",
           .kind = FlagSpec::Kind::kString,
           .value_name = "TEXT",
           .help = "what is in place of --prefix there"},
          {.name = "no-dest-prefix", .help = "there --prefix is cut off", .fallback = "false"}};
}

absl::StatusOr<KeyMap> ReadKeyMap(const ParsedFlags& flags) {
  const std::string& prefix = flags.String("prefix");
  const bool cut = flags.Bool("no-dest-prefix");
  if (cut && flags.Given("dest-prefix")) {
    return absl::InvalidArgumentError("--dest-prefix and --no-dest-prefix exclude each other");
  }
  if (flags.Given("dest-prefix")) {
    return KeyMap{.prefix = prefix, .new_prefix = flags.String("dest-prefix")};
  }
  return KeyMap{.prefix = prefix, .new_prefix = cut ? "" : prefix};
}

absl::Status Putter::Put(const std::string& key, const std::string& value) {
  return Add(key, value.size(), client::Op::Put(key, value));
}

absl::Status Putter::Delete(const std::string& key) {
  return Add(key, 0, client::Op::Delete(client::KeyRange::Key(key)));
}

absl::Status Putter::Add(const std::string& key, size_t bytes, client::Op op) {
  const bool there = std::find(keys_.begin(), keys_.end(), key) != keys_.end();
  const size_t size = key.size() + bytes;
  if (there || keys_.size() == most_ops_ || (bytes_ > 0 && bytes_ + size > kMostBytes)) {
    if (auto status = Flush(); !status.ok()) return status;
  }
  txn_.Then(std::move(op));
  keys_.push_back(key);
  bytes_ += size;
  return absl::OkStatus();
}

absl::Status Putter::Flush() {
  if (keys_.empty()) return absl::OkStatus();
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    status = kv_.Commit(txn_).status();
    const bool again =
        !status.ok() && (client::OutcomeOf(status) == client::Outcome::kUnknown ||
                         absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status));
    if (!again) break;
  }
  if (!status.ok()) return status;
  done_ += static_cast<int64_t>(keys_.size());
  txn_ = {};
  keys_.clear();
  bytes_ = 0;
  return absl::OkStatus();
}

std::string ToJson(const ExportHeader& header, bool open_document) {
  std::string json = JsonObject()
                         .Text("format", kFormat)
                         .Int("version", 1)
                         .Int("revision", header.revision)
                         .Int("count", header.count)
                         .Done();
  if (open_document) json.replace(json.size() - 1, 1, ",\"kvs\":[");
  return json;
}

std::string PairToJson(const client::KeyValue& pair) {
  return JsonObject()
      .Raw("key", JsonBase64(pair.key))
      .Raw("value", JsonBase64(pair.value))
      .Int("create_revision", pair.create_revision)
      .Int("mod_revision", pair.mod_revision)
      .Int("version", pair.version)
      .SomeInt("lease", pair.lease)
      .Done();
}

absl::Status ReadExport(std::string_view text,
                        absl::FunctionRef<absl::Status(client::KeyValue)> take) {
  ExportReader reader(take);
  while (text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    const auto json = TakeJson(text);
    if (!json.ok()) return json.status();
    if (auto status = reader.Take(*json); !status.ok()) return status;
  }
  return reader.End();
}

absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const Invocation& invocation, const std::vector<std::string>& endpoints) {
  return client::Client::Create({.endpoints = endpoints,
                                 .timeout = invocation.flags().Duration("command-timeout"),
                                 .dial_timeout = invocation.flags().Duration("dial-timeout")});
}

}  // namespace keelson::kvctl
