#include "tests/differential/lease_names.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace keelson::differential {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool HoldsLease(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 && !field.is_repeated() &&
         (field.name() == "lease" || field.name() == "ID");
}

}  // namespace

void LeaseNames::Add(int64_t handle, int64_t id) {
  to_server_[handle] = id;
  to_driver_[id] = handle;
}

std::string LeaseNames::TextToDriver(std::string text) const {
  for (const auto& [handle, id] : to_server_) {
    absl::StrReplaceAll({{absl::StrCat(id), absl::StrCat(handle)}}, &text);
  }
  return text;
}

void LeaseNames::Rewrite(Message& message, const Map& map) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (HoldsLease(*field)) {
      const auto found = map.find(reflection.GetInt64(message, field));
      if (found != map.end()) reflection.SetInt64(&message, field, found->second);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        Rewrite(*reflection.MutableRepeatedMessage(&message, field, i), map);
      }
    } else {
      Rewrite(*reflection.MutableMessage(&message, field), map);
    }
  }
}

}  // namespace keelson::differential
