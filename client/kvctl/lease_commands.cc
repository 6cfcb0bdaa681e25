// lease grant, revoke, timetolive, list, keep-alive.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>

#include "absl/strings/numbers.h"
#include "client/kvctl/command.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

ExitCode RunGrant(Invocation& invocation) {
  int64_t ttl = 0;
  if (!absl::SimpleAtoi(invocation.arguments()[0], &ttl) || ttl <= 0) {
    return invocation.Misused("\"" + invocation.arguments()[0] + "\" is not a number of seconds");
  }
  const auto result = invocation.client().leases().Grant(ttl);
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().LeaseGrant(*result);
  return kOk;
}

ExitCode RunRevoke(Invocation& invocation) {
  const auto id = ParseLeaseId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  const auto result = invocation.client().leases().Revoke(*id);
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().LeaseRevoke(*id, *result);
  return kOk;
}

ExitCode RunTimeToLive(Invocation& invocation) {
  const auto id = ParseLeaseId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  const auto result =
      invocation.client().leases().TimeToLive(*id, {.keys = invocation.flags().Bool("keys")});
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().LeaseTtl(*result);
  return result->ttl < 0 ? kNotFound : kOk;
}

ExitCode RunList(Invocation& invocation) {
  const auto result = invocation.client().leases().List();
  if (!result.ok()) return invocation.Report(result.status());
  invocation.writer().LeaseList(*result);
  return kOk;
}

ExitCode ExpiredLease(Invocation& invocation, int64_t id) {
  invocation.err() << "kvctl: lease " << LeaseText(id) << " has expired or was revoked\n";
  return kNotFound;
}

ExitCode KeepAliveOnce(Invocation& invocation, int64_t id) {
  const auto result = invocation.client().leases().RenewOnce(id);
  if (!result.ok()) return invocation.Report(result.status());
  if (result->ttl <= 0) return ExpiredLease(invocation, id);
  invocation.writer().LeaseRenew(*result);
  return kOk;
}

// Renewals on their way from the client's thread to the one that prints.
class Renewals {
 public:
  void Add(const client::LeaseRenewResult& renewal) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(renewal);
    changed_.notify_one();
  }

  void End() {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    changed_.notify_one();
  }

  // The next renewal; nullopt once the lease is lost.
  std::optional<client::LeaseRenewResult> Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return lost_ || !waiting_.empty(); });
    if (waiting_.empty()) return std::nullopt;
    const client::LeaseRenewResult renewal = waiting_.front();
    waiting_.pop_front();
    return renewal;
  }

 private:
  std::condition_variable changed_;
  std::mutex mutex_;  // guards what follows
  std::deque<client::LeaseRenewResult> waiting_;
  bool lost_ = false;
};

ExitCode KeepAlive(Invocation& invocation, int64_t id) {
  const auto renewals = std::make_shared<Renewals>();
  const auto keeper = invocation.client().leases().KeepAlive(
      id, {.on_renewed =
               [renewals](const client::LeaseRenewResult& renewal) { renewals->Add(renewal); },
           .on_lost = [renewals] { renewals->End(); }});
  while (const auto renewal = renewals->Next()) {
    invocation.writer().LeaseRenew(*renewal);
    invocation.out().flush();
  }
  if (absl::IsNotFound(keeper->Lost())) return ExpiredLease(invocation, id);
  return invocation.Report(client::WithOutcome(keeper->Lost(), client::Outcome::kFailed));
}

ExitCode RunKeepAlive(Invocation& invocation) {
  const auto id = ParseLeaseId(invocation.arguments()[0]);
  if (!id.ok()) return invocation.Misused(std::string(id.status().message()));
  return invocation.flags().Bool("once") ? KeepAliveOnce(invocation, *id)
                                         : KeepAlive(invocation, *id);
}

Command LeaseCommand(const char* name, const char* arguments, const char* summary,
                     ExitCode (*run)(Invocation&)) {
  const int count = *arguments == '\0' ? 0 : 1;
  return {.name = name,
          .arguments = arguments,
          .summary = summary,
          .details = {},
          .examples = {},
          .min_arguments = count,
          .max_arguments = count,
          .run = run};
}

}  // namespace

std::vector<Command> LeaseCommands() {
  Command grant = LeaseCommand("lease grant", "SECONDS", "Create a lease", RunGrant);
  grant.details =
      "Keys attached to it are deleted when it is not renewed for SECONDS. The cluster has a "
      "minimum,\n"
      "so the time granted may be longer.\n";
  grant.examples =
      "  kvctl lease grant 60\n"
      "  ID=$(kvctl lease grant 60 | cut -d' ' -f2); kvctl put job me --lease \"$ID\"\n";
  Command revoke = LeaseCommand("lease revoke", "ID", "End a lease and delete its keys", RunRevoke);
  revoke.examples = "  kvctl lease revoke 694d77aa9e38260f\n";
  Command ttl =
      LeaseCommand("lease timetolive", "ID", "Show what remains of a lease", RunTimeToLive);
  ttl.details = "Exits with 3 if there is no such lease (any more).\n";
  ttl.examples = "  kvctl lease timetolive 694d77aa9e38260f --keys\n";
  ttl.flags = {{.name = "keys", .help = "list the attached keys, too", .fallback = "false"}};
  Command list = LeaseCommand("lease list", "", "List the leases alive", RunList);
  list.examples = "  kvctl lease list -o json\n";
  Command keep =
      LeaseCommand("lease keep-alive", "ID", "Renew a lease until stopped", RunKeepAlive);
  keep.details =
      "Ends with 3 when the lease is gone, with 4 when it could not be renewed in time.\n";
  keep.examples =
      "  kvctl lease keep-alive 694d77aa9e38260f &\n"
      "  kvctl lease keep-alive --once 694d77aa9e38260f\n";
  keep.flags = {{.name = "once", .help = "renew once and end", .fallback = "false"}};
  return {grant, revoke, ttl, list, keep};
}

}  // namespace keelson::kvctl
