#include "storage/mvcc/codec.h"

#include "base/check.h"

namespace keelson::storage {
namespace {

constexpr uint8_t kDeleted = 1;      // in latest and undo: the version is a tombstone
constexpr uint8_t kHasPrevious = 2;  // undo only
constexpr uint8_t kChangeDeleted = 4;
constexpr uint8_t kKnownFlags = kDeleted | kHasPrevious | kChangeDeleted;
constexpr uint64_t kMaxJumps = 64;  // one per bit of a chain's length

void AppendBigEndian(uint64_t value, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void AppendSigned(int64_t value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(value), out);
}

bool TakeSigned(std::string_view* bytes, int64_t* value) {
  uint64_t raw = 0;
  if (!TakeVarint(bytes, &raw)) return false;
  *value = static_cast<int64_t>(raw);
  return true;
}

void AppendRevision(Revision revision, std::string* out) {
  AppendSigned(revision.main, out);
  AppendSigned(revision.sub, out);
}

bool TakeRevision(std::string_view* bytes, Revision* revision) {
  return TakeSigned(bytes, &revision->main) && TakeSigned(bytes, &revision->sub) &&
         revision->main > 0 && revision->sub >= 0;
}

bool TakeByte(std::string_view* bytes, uint8_t* value) {
  if (bytes->empty()) return false;
  *value = static_cast<uint8_t>(bytes->front());
  bytes->remove_prefix(1);
  return true;
}

// mod, jumps, then for a pair its numbers and, to the end, its value.
void AppendVersionBody(const Version& version, size_t jumps, std::string* out) {
  AppendRevision(version.mod, out);
  AppendVarint(jumps, out);
  for (size_t i = 0; i < jumps; ++i) {
    AppendRevision(version.jumps[i].stored_at, out);
    AppendRevision(version.jumps[i].mod, out);
    AppendVarint(version.jumps[i].depth, out);
  }
  if (version.deleted()) return;
  const KeyValue& kv = *version.kv;
  AppendSigned(kv.create_revision, out);
  AppendSigned(kv.version, out);
  AppendSigned(kv.lease, out);
  out->append(kv.value);
}

bool TakeJumps(std::string_view* bytes, Jumps* jumps) {
  uint64_t count = 0;
  if (!TakeVarint(bytes, &count) || count > kMaxJumps) return false;
  jumps->resize(count);
  for (Jump& jump : *jumps) {
    if (!TakeRevision(bytes, &jump.stored_at) || !TakeRevision(bytes, &jump.mod) ||
        !TakeVarint(bytes, &jump.depth)) {
      return false;
    }
  }
  return true;
}

// What follows the jumps of a version that is no tombstone.
bool TakePair(std::string_view bytes, KeyValueRef* pair) {
  if (!TakeSigned(&bytes, &pair->create_revision) || !TakeSigned(&bytes, &pair->version) ||
      !TakeSigned(&bytes, &pair->lease)) {
    return false;
  }
  pair->value = bytes;
  return true;
}

bool TakeVersionBody(std::string_view bytes, bool deleted, bool with_value, std::string_view key,
                     Version* version) {
  if (!TakeRevision(&bytes, &version->mod) || !TakeJumps(&bytes, &version->jumps)) return false;
  version->kv = nullptr;
  if (deleted) return bytes.empty();
  KeyValueRef pair;
  if (!TakePair(bytes, &pair)) return false;
  auto kv = std::make_shared<KeyValue>();
  kv->key = std::string(key);
  if (with_value) kv->value = std::string(pair.value);
  kv->create_revision = pair.create_revision;
  kv->mod_revision = version->mod.main;
  kv->version = pair.version;
  kv->lease = pair.lease;
  version->kv = std::move(kv);
  return true;
}

bool DecodeLatest(std::string_view bytes, std::string_view key, bool with_value, Version* version) {
  uint8_t flags = 0;
  if (!TakeByte(&bytes, &flags) || (flags & ~kDeleted) != 0) return false;
  if (!TakeVarint(&bytes, &version->depth) || version->depth == 0) return false;
  return TakeVersionBody(bytes, (flags & kDeleted) != 0, with_value, key, version);
}

}  // namespace

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

void AppendUndoKey(Revision revision, std::string* out) {
  KEELSON_CHECK(revision.main >= 0 && revision.sub >= 0, "revisions are not negative");
  KEELSON_CHECK(revision.sub <= UINT32_MAX, "a revision has at most 2^32 changes");
  AppendBigEndian(static_cast<uint64_t>(revision.main), 8, out);
  AppendBigEndian(static_cast<uint64_t>(revision.sub), 4, out);
}

std::string UndoKey(Revision revision) {
  std::string key;
  key.reserve(kUndoKeyBytes);
  AppendUndoKey(revision, &key);
  return key;
}

bool DecodeUndoKey(std::string_view bytes, Revision* revision) {
  if (bytes.size() != kUndoKeyBytes) return false;
  revision->main = static_cast<int64_t>(ReadBigEndian(bytes.substr(0, 8)));
  revision->sub = static_cast<int64_t>(ReadBigEndian(bytes.substr(8)));
  return revision->main >= 0;
}

std::string LeaseRecordKey(int64_t id) {
  std::string key;
  AppendBigEndian(static_cast<uint64_t>(id), 8, &key);
  return key;
}

bool DecodeLeaseRecordKey(std::string_view bytes, int64_t* id) {
  if (bytes.size() != 8) return false;
  *id = static_cast<int64_t>(ReadBigEndian(bytes));
  return true;
}

std::string LeaseAttachmentKey(int64_t id, std::string_view key) {
  std::string result = LeaseRecordKey(id);
  result.append(key);
  return result;
}

void EncodeVersion(const Version& version, std::string* out) {
  KEELSON_CHECK(version.jumps.size() <= kMaxJumps, "jumps are logarithmic in the chain's length");
  out->push_back(static_cast<char>(version.deleted() ? kDeleted : 0));
  AppendVarint(version.depth, out);
  AppendVersionBody(version, version.jumps.size(), out);
}

bool DecodeVersion(std::string_view bytes, std::string_view key, Version* version) {
  return DecodeLatest(bytes, key, true, version);
}

bool DecodeVersionWithoutValue(std::string_view bytes, std::string_view key, Version* version) {
  return DecodeLatest(bytes, key, false, version);
}

bool DecodePair(std::string_view bytes, std::string_view key, KeyValueRef* pair) {
  uint8_t flags = 0;
  uint64_t depth = 0;
  Revision mod;
  Jumps jumps;
  if (!TakeByte(&bytes, &flags) || flags != 0) return false;
  if (!TakeVarint(&bytes, &depth) || depth == 0) return false;
  if (!TakeRevision(&bytes, &mod) || !TakeJumps(&bytes, &jumps)) return false;
  pair->key = key;
  pair->mod_revision = mod.main;
  return TakePair(bytes, pair);
}

bool DecodeVersionHead(std::string_view bytes, VersionHead* head) {
  uint8_t flags = 0;
  uint64_t depth = 0;
  if (!TakeByte(&bytes, &flags) || (flags & ~kDeleted) != 0) return false;
  head->deleted = (flags & kDeleted) != 0;
  return TakeVarint(&bytes, &depth) && TakeRevision(&bytes, &head->mod);
}

void EncodeUndo(bool change_deleted, uint64_t bytes_before, std::string_view key,
                const Version* previous, std::string* out) {
  uint8_t flags = change_deleted ? kChangeDeleted : 0;
  if (previous != nullptr) flags |= kHasPrevious | (previous->deleted() ? kDeleted : 0);
  out->push_back(static_cast<char>(flags));
  AppendVarint(bytes_before, out);
  AppendVarint(key.size(), out);
  out->append(key);
  if (previous != nullptr) AppendVersionBody(*previous, previous->jumps.empty() ? 0 : 1, out);
}

namespace {

bool TakeUndoHead(std::string_view* bytes, UndoHead* head, uint8_t* flags) {
  uint64_t key_size = 0;
  if (!TakeByte(bytes, flags) || (*flags & ~kKnownFlags) != 0) return false;
  if (!TakeVarint(bytes, &head->bytes_before) || !TakeVarint(bytes, &key_size)) return false;
  if (key_size > bytes->size()) return false;
  head->key = bytes->substr(0, key_size);
  bytes->remove_prefix(key_size);
  head->change_deleted = (*flags & kChangeDeleted) != 0;
  head->previous_live = (*flags & (kHasPrevious | kDeleted)) == kHasPrevious;
  return true;
}

}  // namespace

bool DecodeUndoHead(std::string_view bytes, UndoHead* head) {
  uint8_t flags = 0;
  return TakeUndoHead(&bytes, head, &flags);
}

bool DecodeUndo(std::string_view bytes, UndoRecord* record) {
  uint8_t flags = 0;
  UndoHead head;
  if (!TakeUndoHead(&bytes, &head, &flags)) return false;
  record->change_deleted = head.change_deleted;
  record->bytes_before = head.bytes_before;
  record->key = head.key;
  record->previous.reset();
  if ((flags & kHasPrevious) == 0) return bytes.empty();
  return TakeVersionBody(bytes, (flags & kDeleted) != 0, true, head.key,
                         &record->previous.emplace());
}

bool EncodeUndoWithoutPrevious(std::string_view undo, int64_t main, std::string* out) {
  std::string_view body = undo;
  UndoHead head;
  uint8_t flags = 0;
  Revision mod;
  if (!TakeUndoHead(&body, &head, &flags) || (flags & kHasPrevious) == 0) return false;
  if (!TakeRevision(&body, &mod) || mod.main >= main) return false;
  EncodeUndo(head.change_deleted, head.bytes_before, head.key, nullptr, out);
  return true;
}

std::string EncodeState(const StoreState& state) {
  std::string out;
  AppendVarint(kFormatVersion, &out);
  AppendVarint(state.applied.term.value(), &out);
  AppendVarint(state.applied.index.value(), &out);
  AppendSigned(state.revision, &out);
  AppendSigned(state.compact_revision, &out);
  AppendVarint(state.live_bytes, &out);
  AppendVarint(state.undo_bytes, &out);
  AppendVarint(state.dropped_bytes, &out);
  return out;
}

bool DecodeState(std::string_view bytes, StoreState* state, uint32_t* version) {
  uint64_t format = 0, term = 0, index = 0;
  if (!TakeVarint(&bytes, &format)) return false;
  *version = static_cast<uint32_t>(format);
  if (format != kFormatVersion) return false;
  if (!TakeVarint(&bytes, &term) || !TakeVarint(&bytes, &index)) return false;
  state->applied = {raft::Term(term), raft::Index(index)};
  return TakeSigned(&bytes, &state->revision) && TakeSigned(&bytes, &state->compact_revision) &&
         TakeVarint(&bytes, &state->live_bytes) && TakeVarint(&bytes, &state->undo_bytes) &&
         TakeVarint(&bytes, &state->dropped_bytes) && bytes.empty() && state->revision >= 1 &&
         state->compact_revision <= state->revision && state->dropped_bytes <= state->undo_bytes;
}

}  // namespace keelson::storage
