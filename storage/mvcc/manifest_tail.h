// What a power loss may leave of RocksDB's MANIFEST: its last records, not synced yet, with some of
// their sectors missing. RocksDB takes a record that the file's end cuts off for such, but refuses
// the whole database for one with a wrong checksum.
//
// Cutting the file there gives the database the state that it had before those records. That is
// safe also if they were durable: the state is of one moment for all families, says itself up to
// which entry it is applied, and a start refuses it if the log does not reach back so far; and if
// files that it names are gone, RocksDB refuses it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace keelson::storage {

// The size up to which `manifest` is sound, where it ends in a damage that a power loss can have
// caused; nullopt where it is sound, or damaged so far from its end that it can't be that.
std::optional<size_t> TornManifestTail(std::string_view manifest);

// RocksDB syncs after each group of edits: a few hundred bytes, a few thousand after a compaction.
inline constexpr size_t kManifestTail = 64 << 10;

}  // namespace keelson::storage
