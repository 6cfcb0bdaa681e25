#include "tests/raft/transcript.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_split.h"

namespace keelson::raft::testing {
namespace {

uint64_t Number(const std::string& text) { return std::stoull(text); }

std::vector<std::string> Split(const std::string& line, char by) {
  return absl::StrSplit(line, by, absl::SkipEmpty());
}

void SetOption(Options* options, const std::string& name, uint64_t value) {
  if (name == "max_message_bytes") options->max_message_bytes = value;
  if (name == "inflight_bytes") options->inflight_bytes = value;
  if (name == "memory_log_bytes") options->memory_log_bytes = value;
  if (name == "max_uncommitted_bytes") options->max_uncommitted_bytes = value;
  if (name == "pre_vote") options->pre_vote = value != 0;
  if (name == "check_quorum") options->check_quorum = value != 0;
  if (name == "record_incarnations") options->record_incarnations = value != 0;
}

std::string Pair(const Message& message) {
  std::ostringstream out;
  out << message.from << "->" << message.to;
  return out.str();
}

}  // namespace

std::string Transcript::Play(const std::string& text) {
  std::string played;
  std::istringstream lines(text);
  bool in_output = false;
  for (std::string line; std::getline(lines, line);) {
    const bool command = line.rfind("> ", 0) == 0;
    const bool kept = line.empty() || line[0] == '#';
    if (kept) in_output = false;
    if (!command && !kept && in_output) continue;
    played += line + "\n";
    if (!command) continue;
    played += Run(Split(line.substr(2), ' '));
    in_output = true;
  }
  return played;
}

std::string Transcript::Run(const Words& words) {
  out_.str("");
  if (words[0] == "cluster") {
    Start(words);
  } else if (!RunMovement(words) && !RunInput(words) && !RunFault(words)) {
    out_ << "unknown command\n";
  }
  return out_.str();
}

void Transcript::Start(const Words& words) {
  std::vector<uint64_t> voters, learners;
  Options options = Cluster::DefaultOptions();
  for (size_t i = 1; i < words.size(); ++i) {
    const Words parts = Split(words[i], '=');
    if (parts.size() == 1) {
      voters.push_back(Number(words[i]));
    } else if (parts[0] == "learners") {
      for (const std::string& id : Split(parts[1], ',')) learners.push_back(Number(id));
    } else {
      SetOption(&options, parts[0], Number(parts[1]));
    }
  }
  cluster_ = std::make_unique<Cluster>(voters, learners, options);
}

bool Transcript::RunMovement(const Words& words) {
  const std::string& name = words[0];
  const auto number = [&](size_t i, uint64_t otherwise) {
    return words.size() > i ? Number(words[i]) : otherwise;
  };
  if (name == "tick") {
    cluster().Tick(Number(words[1]), static_cast<int>(number(2, 1)));
  } else if (name == "turn") {
    PrintReady(cluster().Turn(Number(words[1])));
  } else if (name == "persist") {
    cluster().Persist(Number(words[1]), number(2, SIZE_MAX));
  } else if (name == "settle") {
    cluster().Settle();
  } else if (name == "run") {
    cluster().Run(static_cast<int>(Number(words[1])));
  } else if (name == "elect") {
    cluster().Elect(Number(words[1]));
  } else if (name == "deliver" || name == "drop") {
    Move(words, name == "deliver");
  } else if (name == "net") {
    for (const Message& message : cluster().network()) out_ << message << "\n";
  } else if (name == "status") {
    if (words.size() > 1) PrintStatus(Number(words[1]));
    for (uint64_t id = 1; words.size() == 1 && id < 10; ++id) {
      if (cluster().IsUp(id)) PrintStatus(id);
    }
  } else {
    return false;
  }
  return true;
}

bool Transcript::RunInput(const Words& words) {
  const std::string& name = words[0];
  if (name == "propose") {
    Propose(words);
  } else if (name == "change") {
    Change(words);
  } else if (name == "read") {
    cluster().at(Number(words[1])).Do([&](Core& core) { core.RequestRead(Number(words[2])); });
  } else if (name == "transfer") {
    cluster().at(Number(words[1])).Do([&](Core& core) {
      const absl::Status status = core.TransferLeadership(NodeId(Number(words[2])));
      if (!status.ok()) out_ << "refused: " << status.message() << "\n";
    });
  } else if (name == "snapshot") {
    cluster().SendSnapshot(Number(words[1]), NodeId(Number(words[2])), words.size() == 3);
  } else if (name == "install") {
    cluster().at(Number(words[1])).Install();
  } else if (name == "compact") {
    Member& member = cluster().at(Number(words[1]));
    member.Flush();
    member.Compact(member.core().applied().Next());
  } else {
    return false;
  }
  return true;
}

bool Transcript::RunFault(const Words& words) {
  const std::string& name = words[0];
  const uint64_t id = words.size() > 1 ? Number(words[1]) : 0;
  if (name == "stop") {
    const bool power_loss = words.back() == "power-loss";
    cluster().Stop(id, words.size() > 2 && words[2] != "power-loss" ? Number(words[2]) : 0,
                   power_loss);
  } else if (name == "start") {
    cluster().Start(id);
  } else if (name == "wipe") {
    cluster().StartOnOtherDisk(id, 9000 + id);
  } else if (name == "join") {
    cluster().Join(id);
  } else if (name == "cut") {
    cluster().Cut(id, Number(words[2]));
  } else if (name == "isolate") {
    cluster().Isolate(id);
  } else if (name == "heal") {
    cluster().Heal();
  } else if (name == "stick") {
    cluster().StickDisk(id);
  } else if (name == "free") {
    cluster().FreeDisk(id);
  } else if (name == "close") {
    cluster().at(id).Do([&](Core& core) { core.ConnectionClosed(NodeId(Number(words[2]))); });
  } else if (name == "unreachable") {
    cluster().at(id).Do([&](Core& core) { core.PeerUnreachable(NodeId(Number(words[2]))); });
  } else {
    return false;
  }
  return true;
}

void Transcript::Move(const Words& words, bool deliver) {
  const std::set<std::string> pairs(words.begin() + 1, words.end());
  const auto chosen = [&](const Message& message) {
    const bool match = pairs.empty() || pairs.contains(Pair(message));
    if (match) out_ << message << "\n";
    return match;
  };
  if (deliver) {
    cluster().Deliver(chosen);
  } else {
    cluster().Drop(chosen);
  }
}

void Transcript::Propose(const Words& words) {
  cluster().at(Number(words[1])).Do([&](Core& core) {
    const absl::StatusOr<EntryId> id = core.Propose(words[2]);
    if (id.ok()) {
      out_ << "entry " << *id << "\n";
    } else {
      out_ << "refused: " << id.status().message() << "\n";
    }
  });
}

void Transcript::Change(const Words& words) {
  const std::map<std::string, ConfChangeType> types = {{"add-learner", ConfChangeType::kAddLearner},
                                                       {"add-voter", ConfChangeType::kAddVoter},
                                                       {"promote", ConfChangeType::kPromote},
                                                       {"demote", ConfChangeType::kDemote},
                                                       {"remove", ConfChangeType::kRemove}};
  std::vector<ConfChange> changes;
  for (size_t i = 2; i + 1 < words.size(); i += 2) {
    changes.push_back({.type = types.at(words[i]), .node = NodeId(Number(words[i + 1]))});
  }
  cluster().at(Number(words[1])).Do([&](Core& core) {
    const absl::StatusOr<EntryId> id = core.ProposeConfChange(changes);
    if (id.ok()) {
      out_ << "entry " << *id << ": " << Describe(core.configuration()) << "\n";
    } else {
      out_ << "refused: " << id.status().message() << "\n";
    }
  });
}

void Transcript::PrintReady(const Ready& told) {
  // That a round began or was confirmed is seen by its messages.
  Ready ready = told;
  ready.round_began.reset();
  ready.round_confirmed.reset();
  if (ready.IsEmpty()) out_ << "nothing\n";
  if (ready.soft_state.has_value()) {
    out_ << Name(ready.soft_state->role) << " of " << ready.soft_state->leader << " in term "
         << ready.soft_state->term << "\n";
  }
  if (ready.stepped_down.has_value()) out_ << "stepped down: " << Name(*ready.stepped_down) << "\n";
  if (ready.proposals_unknown.has_value()) {
    out_ << "unknown: " << ready.proposals_unknown->term << "/" << ready.proposals_unknown->first
         << ".." << ready.proposals_unknown->last << "\n";
  }
  for (const Message& message : ready.messages) out_ << "send " << message << "\n";
  if (ready.persist.has_value()) {
    const PersistBatch& batch = *ready.persist;
    out_ << (batch.must_sync ? "sync #" : "write #") << batch.seq;
    if (!batch.entries.empty()) {
      out_ << " entries=" << batch.entries.front().id() << ".." << batch.entries.back().id();
    }
    if (batch.hard_state.has_value()) {
      out_ << " term=" << batch.hard_state->term << " vote=" << batch.hard_state->vote
           << " commit=" << batch.hard_state->commit;
    }
    out_ << "\n";
  }
  for (const Message& message : ready.messages_after_persist)
    out_ << "then send " << message << "\n";
  for (const Entry& entry : ready.committed) {
    out_ << "apply " << entry.id();
    if (entry.type == EntryType::kNormal) out_ << " " << entry.bytes();
    if (entry.type == EntryType::kConfig) out_ << " configuration";
    out_ << "\n";
  }
  for (const ReadState& read : ready.read_states) {
    out_ << "read " << read.context << " at " << read.index << "\n";
  }
  for (uint64_t context : ready.reads_failed) out_ << "read " << context << " failed\n";
  if (ready.install_snapshot.has_value()) {
    out_ << "install snapshot " << ready.install_snapshot->last << "\n";
  }
  for (const SnapshotNeed& need : ready.need_snapshot) {
    out_ << "peer " << need.peer << " needs a snapshot of at least " << need.at_least << "\n";
  }
}

void Transcript::PrintStatus(uint64_t id) {
  const StateView view = cluster().core(id).View();
  out_ << id << ": " << Name(view.role) << " of " << view.leader << " in term " << view.hard.term
       << ", log " << view.base << ".." << view.last << " durable " << view.durable << " commit "
       << view.hard.commit << " applied " << view.applied << "\n   " << Describe(view.configuration)
       << " @" << view.configuration_index << "\n";
  for (const PeerStatus& peer : view.peers) {
    out_ << "   peer " << peer.id << ": " << Name(peer.mode) << " match " << peer.match << " next "
         << peer.next << "\n";
  }
}

}  // namespace keelson::raft::testing
