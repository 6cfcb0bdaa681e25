#include "server/log/logger.h"

#include <chrono>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/view.h"

namespace keelson::server {
namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error", "fatal"};

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(out, "\\u%04x", byte);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendValue(const LogField::Value& value, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&value)) return AppendQuoted(*text, out);
  if (const auto* flag = std::get_if<bool>(&value)) {
    out->append(*flag ? "true" : "false");
  } else if (const auto* i = std::get_if<int64_t>(&value)) {
    absl::StrAppend(out, *i);
  } else if (const auto* u = std::get_if<uint64_t>(&value)) {
    absl::StrAppend(out, *u);
  } else {
    absl::StrAppend(out, std::get<double>(value));
  }
}

// The fields of an object that `out` has begun, and its end.
void AppendFields(std::initializer_list<LogField> fields, std::string* out) {
  for (const LogField& field : fields) {
    if (out->back() != '{') out->push_back(',');
    AppendQuoted(field.key, out);
    out->push_back(':');
    AppendValue(field.value, out);
  }
  out->push_back('}');
}

}  // namespace

bool ParseLogLevel(std::string_view text, LogLevel* level) {
  if (text == "panic") text = "fatal";
  for (int i = 0; i < 5; ++i) {
    if (text == kLevelNames[i]) {
      *level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

void Logger::Log(LogLevel level, std::string_view caller, std::string_view message,
                 std::initializer_list<LogField> fields) const {
  if (level < threshold_ || !sink_) return;
  const absl::string_view name = ToAbsl(kLevelNames[static_cast<int>(level)]);
  std::string line;
  if (format_ == LogFormat::kConsole) {
    line = absl::StrCat(now_(), "\t", name, "\t", ToAbsl(caller), "\t", ToAbsl(message));
    if (fields.size() > 0) {
      line.append("\t{");
      AppendFields(fields, &line);
    }
  } else {
    line = absl::StrCat("{\"level\":\"", name, "\",\"ts\":\"", now_(), "\",\"caller\":");
    AppendQuoted(caller, &line);
    line.append(",\"msg\":");
    AppendQuoted(message, &line);
    AppendFields(fields, &line);
  }
  line.push_back('\n');
  sink_(line);
}

std::string LogTimeNow() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const int64_t micros =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() %
      1000000;
  std::tm parts;
  gmtime_r(&seconds, &parts);
  char text[40];
  const size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return absl::StrFormat("%s.%06dZ", std::string(text, length), micros);
}

std::string Hex(uint64_t id) { return absl::StrFormat("%x", id); }

}  // namespace keelson::server
