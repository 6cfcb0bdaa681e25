// The value of the field Date in answers over plain HTTP (RFC 9110 section 5.6.7). Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace keelson::server {

class HttpDate {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  // Without a clock there is no date.
  explicit HttpDate(Clock clock) : clock_(std::move(clock)) {}

  // The current second; empty without a clock. Valid until the next call. Formats once a second.
  std::string_view Now();

 private:
  const Clock clock_;
  int64_t second_ = -1;
  std::string text_;
};

}  // namespace keelson::server
