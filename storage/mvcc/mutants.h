// Deliberate bugs, built in by -DKEELSON_MUTANT_<NAME>, that tests and the simulator must catch.
#pragma once

#include "base/mutant.h"

namespace keelson::storage {

// The applied index becomes durable apart from the data it stands for.
#ifdef KEELSON_MUTANT_APPLIED_APART
inline constexpr bool kMutantAppliedApart = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAppliedApart, "APPLIED_APART");
#endif

// History is physically dropped although the compaction revision is not flushed yet: neither does
// the store look at what is flushed, nor does the node flush first.
#ifdef KEELSON_MUTANT_DROP_BEFORE_FLUSH
inline constexpr bool kMutantDropBeforeFlush = true;
#else
KEELSON_DEFINE_MUTANT(kMutantDropBeforeFlush, "DROP_BEFORE_FLUSH");
#endif

// The pointer to a received snapshot is switched before its files are synced.
#ifdef KEELSON_MUTANT_MARKER_BEFORE_FILES
inline constexpr bool kMutantMarkerBeforeFiles = true;
#else
KEELSON_DEFINE_MUTANT(kMutantMarkerBeforeFiles, "MARKER_BEFORE_FILES");
#endif

// The first puts after a flush lose their last byte: the states of members drift apart.
#ifdef KEELSON_MUTANT_FLUSH_LOSES_BYTE
inline constexpr bool kMutantFlushLosesByte = true;
#else
KEELSON_DEFINE_MUTANT(kMutantFlushLosesByte, "FLUSH_LOSES_BYTE");
#endif

}  // namespace keelson::storage
