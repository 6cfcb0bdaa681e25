// Structured logs: one JSON object a line, {"level","ts","caller","msg", fields...}; or, for
// people, the same as columns with the fields as JSON.
//
// Keys and values are escaped; callers never pass secrets (tokens, passwords, values of keys).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace keelson::server {

enum class LogLevel : int { kDebug = 0, kInfo, kWarn, kError, kFatal };
enum class LogFormat { kJson, kConsole };

// Parses "debug", "info", "warn", "error", "panic" or "fatal"; false for anything else.
bool ParseLogLevel(std::string_view text, LogLevel* level);

struct LogField {
  using Value = std::variant<std::string, int64_t, uint64_t, double, bool>;
  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  LogField(std::string_view k, int v) : key(k), value(int64_t{v}) {}
  LogField(std::string_view k, int64_t v) : key(k), value(v) {}
  LogField(std::string_view k, uint64_t v) : key(k), value(v) {}
};

// Loop thread only, unless the sink says otherwise.
class Logger {
 public:
  // `sink` takes one whole line with its newline; `now` gives the time stamp text.
  Logger(LogLevel threshold, std::function<void(std::string_view line)> sink,
         std::function<std::string()> now, LogFormat format = LogFormat::kJson)
      : threshold_(threshold), format_(format), sink_(std::move(sink)), now_(std::move(now)) {}

  void Log(LogLevel level, std::string_view caller, std::string_view message,
           std::initializer_list<LogField> fields = {}) const;

  void Debug(std::string_view caller, std::string_view message,
             std::initializer_list<LogField> fields = {}) const {
    Log(LogLevel::kDebug, caller, message, fields);
  }
  void Info(std::string_view caller, std::string_view message,
            std::initializer_list<LogField> fields = {}) const {
    Log(LogLevel::kInfo, caller, message, fields);
  }
  void Warn(std::string_view caller, std::string_view message,
            std::initializer_list<LogField> fields = {}) const {
    Log(LogLevel::kWarn, caller, message, fields);
  }
  void Error(std::string_view caller, std::string_view message,
             std::initializer_list<LogField> fields = {}) const {
    Log(LogLevel::kError, caller, message, fields);
  }

 private:
  LogLevel threshold_;
  LogFormat format_;
  std::function<void(std::string_view)> sink_;
  std::function<std::string()> now_;
};

// The time stamp of a line: now, in UTC, to the microsecond.
std::string LogTimeNow();

// The hexadecimal form in which members and clusters are shown.
std::string Hex(uint64_t id);

}  // namespace keelson::server
