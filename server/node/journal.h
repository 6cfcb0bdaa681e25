// The log's way to the disk: one write in flight, everything that queued meanwhile goes with the
// next one.
//
//          Add              Kick                 the write is done
//   idle -------> buffered ------> writing -----------------------> idle (or writing again)
//
// A batch that only moves the commit index needs no write of its own: the index is in the WAL's
// side file before any answer leaves, and rides with the next batch. A write that finds the disk
// full keeps its batch waiting until Retry. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "raft/message.h"
#include "raft/ready.h"
#include "server/node/seams.h"
#include "storage/wal/wal.h"

namespace keelson::server {

class Journal {
 public:
  struct Events {
    // All batches up to `seq` are complete.
    std::function<void(uint64_t seq)> on_persisted;
    // The batch they waited for is complete: they may leave.
    std::function<void(std::vector<raft::Message>)> on_released;
    // A write and its sync took so long, without the way to its thread and back.
    std::function<void(Duration took)> on_synced;
    // The write in flight found no room on the disk; its batch waits for Retry.
    std::function<void()> on_no_space;
    // The disk failed; the member must stop. Nothing is retried.
    std::function<void(const absl::Status&)> on_failed;
  };

  // `wal`, `runner` and `loop` outlive the journal.
  Journal(storage::Wal* wal, Runner* runner, const Loop* loop, Events events);

  // Takes a batch and the messages that wait for it.
  void Add(raft::PersistBatch batch, std::vector<raft::Message> after);

  // Starts a write if something is buffered and none is in flight. At the end of a turn.
  void Kick();

  // Tries again what found no room.
  void Retry();

  // Keeps segments ready. After each release and at every tick.
  void Upkeep(storage::Wal::Growth growth);

  // Replaces the log by the snapshot that ends at `snapshot`; `done` once that is durable. Batches
  // may be added meanwhile: the core, which learns of the snapshot by `done`, commits less in them.
  void SaveMarker(raft::EntryId snapshot, const raft::HardState& hard_state,
                  std::function<void()> done);

  // Calls `task` once every batch added so far is complete (at once if so).
  void WhenIdle(std::function<void()> task);

  // When the write in flight began; nullopt when there is none. For the stall watch.
  std::optional<Instant> writing_since() const { return writing_since_; }
  // A write waits for room on the disk.
  bool disk_full() const { return waits_for_room_; }

 private:
  struct Waiting {
    uint64_t seq = 0;
    std::vector<raft::Message> after;
  };

  struct Write {
    std::unique_ptr<storage::WalWrite> job;
    Duration took{};
  };

  bool idle() const { return !writing_since_ && completed_ == last_added_; }
  void Written(Write write);
  void ReleaseCompleted();

  storage::Wal* wal_;
  Runner* runner_;
  const Loop* loop_;
  Events events_;
  std::deque<Waiting> waiting_;
  uint64_t last_added_ = 0;
  uint64_t completed_ = 0;
  std::optional<Instant> writing_since_;
  bool waits_for_room_ = false;
  std::function<void()> marker_done_;
  raft::Index marker_commit_{};  // while there is marker_done_
  std::vector<std::function<void()>> when_idle_;
};

}  // namespace keelson::server
