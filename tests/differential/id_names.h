// The driver's names for leases and members whose ids the servers picked, each its own.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <map>
#include <string>

namespace keelson::differential {

class IdNames {
 public:
  void Add(int64_t handle, int64_t id);

  // Rewrites every field that holds such an id, at any depth: from the driver's names to a server's
  // ids, and back.
  void ToServer(google::protobuf::Message& message) const { Rewrite(message, to_server_); }
  // Adds the id that `response`, an answer to a grant or to the addition of a member, tells.
  void Learn(int64_t handle, const google::protobuf::Message& response);

  void ToDriver(google::protobuf::Message& message) const { Rewrite(message, to_driver_); }

  // The same for text: every number that is a server's id.
  std::string TextToDriver(std::string text) const;

 private:
  using Map = std::map<int64_t, int64_t>;
  static void Rewrite(google::protobuf::Message& message, const Map& map);

  Map to_server_;
  Map to_driver_;
};

}  // namespace keelson::differential
