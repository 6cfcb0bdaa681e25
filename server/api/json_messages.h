// Cuts a request body into the JSON objects that stand in it one after the other. Pure.
//
// It only finds where an object ends; whether it is good JSON is for the codec to say.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keelson::server {

class JsonMessages {
 public:
  enum class Result { kMessage, kEnd, kMalformed };

  explicit JsonMessages(std::string body) : body_(std::move(body)) {}

  // The next object, valid as long as this; a bare null stands for an empty one. After kMalformed
  // (something else, or an object that does not end) every further call gives kMalformed.
  Result Next(std::string_view* message);

 private:
  size_t EndOfObject(size_t begin) const;

  const std::string body_;
  size_t position_ = 0;
};

}  // namespace keelson::server
