#include "tests/differential/id_names.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::differential {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool HoldsId(const FieldDescriptor& field) {
  const bool number = field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                      field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
  return number && !field.is_repeated() && (field.name() == "lease" || field.name() == "ID");
}

int64_t Number(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT64
             ? reflection.GetInt64(message, field)
             : static_cast<int64_t>(reflection.GetUInt64(message, field));
}

void SetNumber(Message* message, const FieldDescriptor* field, int64_t number) {
  const Reflection& reflection = *message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    reflection.SetInt64(message, field, number);
  } else {
    reflection.SetUInt64(message, field, static_cast<uint64_t>(number));
  }
}

}  // namespace

void IdNames::Add(int64_t handle, int64_t id) {
  to_server_[handle] = id;
  to_driver_[id] = handle;
}

void IdNames::Learn(int64_t handle, const Message& response) {
  if (const auto* grant = dynamic_cast<const etcdserverpb::LeaseGrantResponse*>(&response)) {
    Add(handle, grant->id());
  } else if (const auto* added = dynamic_cast<const etcdserverpb::MemberAddResponse*>(&response)) {
    Add(handle, static_cast<int64_t>(added->member().id()));
  }
}

std::string IdNames::TextToDriver(std::string text) const {
  for (const auto& [handle, id] : to_server_) {
    absl::StrReplaceAll({{absl::StrCat(id), absl::StrCat(handle)},
                         {absl::StrCat(static_cast<uint64_t>(id)), absl::StrCat(handle)}},
                        &text);
  }
  return text;
}

void IdNames::Rewrite(Message& message, const Map& map) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (HoldsId(*field)) {
      const auto found = map.find(Number(message, field));
      if (found != map.end()) SetNumber(&message, field, found->second);
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
