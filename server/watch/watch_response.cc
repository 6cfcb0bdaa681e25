#include "server/watch/watch_response.h"

#include "server/watch/wire.h"

namespace keelson::server {

std::string Encode(const WatchResponseHead& head) {
  std::string header;
  wire::AppendNumber(1, head.ids.cluster_id, &header);
  wire::AppendNumber(2, head.ids.member_id, &header);
  wire::AppendNumber(3, static_cast<uint64_t>(head.revision), &header);
  wire::AppendNumber(4, head.ids.raft_term, &header);
  std::string out;
  out.reserve(header.size() + head.cancel_reason.size() + 32);
  wire::AppendBytes(1, header, &out);
  wire::AppendNumber(2, static_cast<uint64_t>(head.watch_id), &out);
  wire::AppendNumber(3, head.created ? 1 : 0, &out);
  wire::AppendNumber(4, head.canceled ? 1 : 0, &out);
  wire::AppendNumber(5, static_cast<uint64_t>(head.compact_revision), &out);
  if (!head.cancel_reason.empty()) wire::AppendBytes(6, head.cancel_reason, &out);
  wire::AppendNumber(7, head.fragment ? 1 : 0, &out);
  return out;
}

}  // namespace keelson::server
