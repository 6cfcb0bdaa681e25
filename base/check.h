// Assertions that stay on in release. A failed check is a bug of ours: it prints where and why, and
// ends the process. Bad input and bad disks are never a check; they are an absl::Status.
#pragma once

namespace keelson {

// Prints "file:line: check failed: condition: why" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const char* why);

}  // namespace keelson

// Ends the process when `condition` is false. `why` is a string literal that says which rule broke.
#define KEELSON_CHECK(condition, why)                              \
  do {                                                             \
    if (!(condition)) [[unlikely]] {                               \
      ::keelson::CheckFailed(__FILE__, __LINE__, #condition, why); \
    }                                                              \
  } while (false)
