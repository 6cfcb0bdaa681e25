// What a campaign of CI's size must have met: a zero means that the simulator has gone blind. Each
// is a counted fact of a member, its disk, the network or a client.
#pragma once

namespace keelson::sim {

inline constexpr const char* kMustHappen[] = {
    // Faults.
    "ambushes that struck",
    "disks lost",
    "fault: ambush",
    "fault: crash",
    "fault: crash of the leader",
    "fault: crash of two",
    "fault: deaf or mute",
    "fault: failing syncs",
    "fault: late answers",
    "fault: leader transfer",
    "fault: long isolation",
    "fault: one-way cut",
    "fault: partition",
    "fault: pause",
    "fault: pause of the leader",
    "fault: power cut during writes",
    "fault: power loss",
    "fault: power loss of all",
    "fault: shaky network",
    "fault: short reigns",
    "fault: slow disk",
    // Disk and network.
    "frames dropped",
    "frames late",
    "frames repeated",
    "injected disk errors",
    "members stopped by their disk",
    "pages torn",
    "torn log tails cut",
    "unsynced pages lost",
    // Raft.
    "cores left alone",
    "entries cut from a log",
    "interrupted snapshot installs finished",
    "leaders elected",
    "leaders that stepped down",
    "leaders with uncommitted entries of earlier terms",
    "snapshots installed",
    "snapshots sent",
    // Membership.
    "joint memberships entered",
    "joint memberships left",
    "learners added",
    "learners promoted",
    "learners removed",
    "removed members refused",
    "removed members that stopped",
    "voters added",
    "voters demoted",
    "voters removed",
    "wrong disks refused",
    // Clients.
    "compactions",
    "keep-alives",
    "keep-alives of an ended lease",
    "leases that ended",
    "linearizable reads",
    "serializable reads",
    "transactions refused",
    "transactions that wrote",
    "unknown outcomes",
    "watch events",
    "watchers overtaken by compaction",
    "watchers that moved on",
};

}  // namespace keelson::sim
