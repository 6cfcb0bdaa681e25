// What the examples share: a client from the command line, and no patience with failures.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/keelson/client.h"

namespace keelson::examples {

// Of the endpoints that the first argument names, "HOST:PORT,...".
inline std::unique_ptr<client::Client> Connect(int argc, char** argv) {
  const char* endpoints = argc > 1 ? argv[1] : "127.0.0.1:2379";
  auto client = client::Client::Create(
      {.endpoints = std::vector<std::string>(absl::StrSplit(endpoints, ','))});
  if (client.ok()) return *std::move(client);
  std::fprintf(stderr, "%s\n", client.status().ToString().c_str());
  std::_Exit(2);
}

// Ends the program where a step that an example builds on has failed.
inline void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::_Exit(1);
}
template <typename Result>
Result Must(absl::StatusOr<Result> result) {
  Must(result.status());
  return *std::move(result);
}

}  // namespace keelson::examples
