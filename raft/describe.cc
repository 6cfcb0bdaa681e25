// One-line forms of messages and enumerations, for logs and transcripts.
#include <sstream>
#include <string>

#include "raft/message.h"
#include "raft/state_view.h"

namespace keelson::raft {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

void Print(std::ostream& out, const ReadNonce& nonce) {
  if (nonce.IsNone()) return;
  out << " read=" << nonce.term << "." << nonce.boot_id << "." << nonce.counter;
}

void Print(std::ostream& out, const FreshnessEcho& echo) {
  if (echo.stamp.IsNone()) return;
  out << " echo=" << echo.stamp.process_nonce << "." << echo.stamp.stamp << "@" << echo.commit;
}

void Print(std::ostream& out, const FreshnessStamp& stamp) {
  if (!stamp.IsNone()) out << " stamp=" << stamp.process_nonce << "." << stamp.stamp;
}

void Print(std::ostream& out, const VoteRequest& m) {
  out << (m.pre ? "PreVoteRequest" : "VoteRequest") << " last=" << m.last;
  if (m.transfer) out << " transfer";
}

void Print(std::ostream& out, const VoteResponse& m) {
  out << (m.pre ? "PreVoteResponse" : "VoteResponse") << (m.granted ? " granted" : " refused");
}

void Print(std::ostream& out, const AppendRequest& m) {
  out << "AppendRequest prev=" << m.prev;
  if (!m.entries.empty()) {
    out << " entries=" << m.entries.front().id() << ".." << m.entries.back().id();
  }
  out << " commit=" << m.commit;
  Print(out, m.read);
  Print(out, m.echo);
}

void Print(std::ostream& out, const AppendResponse& m) {
  if (m.accepted) {
    out << "AppendResponse match=" << m.match;
  } else {
    out << "AppendResponse rejected=" << m.rejected << " hint=" << m.hint;
  }
  Print(out, m.read);
  Print(out, m.stamp);
}

void Print(std::ostream& out, const SnapshotOffer& m) {
  out << "SnapshotOffer last=" << m.meta.last << " " << Describe(m.meta.configuration) << " @"
      << m.meta.configuration_index;
}

std::string DescribeBody(const MessageBody& body) {
  std::ostringstream out;
  std::visit(Overloaded{[&](const Heartbeat& m) {
                          out << "Heartbeat commit=" << m.commit;
                          Print(out, m.read);
                          Print(out, m.echo);
                        },
                        [&](const HeartbeatResponse& m) {
                          out << "HeartbeatResponse match=" << m.match;
                          Print(out, m.read);
                          Print(out, m.stamp);
                        },
                        [&](const ReadIndexRequest& m) {
                          out << "ReadIndexRequest";
                          Print(out, m.nonce);
                        },
                        [&](const ReadIndexResponse& m) {
                          out << "ReadIndexResponse index=" << m.index;
                          Print(out, m.nonce);
                        },
                        [&](const TimeoutNow&) { out << "TimeoutNow"; },
                        [&](const auto& m) { Print(out, m); }},
             body);
  return out.str();
}

}  // namespace

std::string Describe(const Message& message) {
  std::ostringstream out;
  out << message.from << "->" << message.to << " t" << message.term << " "
      << DescribeBody(message.body);
  return out.str();
}

std::string_view Name(ProgressMode mode) {
  switch (mode) {
    case ProgressMode::kProbe:
      return "probe";
    case ProgressMode::kReplicate:
      return "replicate";
    case ProgressMode::kSnapshot:
      return "snapshot";
  }
  return "?";
}

std::string_view Name(RoleKind role) {
  switch (role) {
    case RoleKind::kFollower:
      return "follower";
    case RoleKind::kPreCandidate:
      return "pre-candidate";
    case RoleKind::kCandidate:
      return "candidate";
    case RoleKind::kLeader:
      return "leader";
  }
  return "?";
}

std::string_view Name(StepDown reason) {
  switch (reason) {
    case StepDown::kHigherTerm:
      return "higher term";
    case StepDown::kQuorumLost:
      return "quorum lost";
    case StepDown::kDiskStalled:
      return "disk stalled";
    case StepDown::kRemoved:
      return "removed";
  }
  return "?";
}

}  // namespace keelson::raft
