#include "client/kvctl/discovery.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keelson::kvctl {
namespace {

struct Record {
  unsigned priority = 0;
  unsigned weight = 0;
  unsigned port = 0;
  std::string host = {};
};

// glibc's resolver with its own state.
class Resolver {
 public:
  Resolver() : ready_(res_ninit(&state_) == 0) {}
  ~Resolver() {
    if (ready_) res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  absl::Status Configure(const SrvQuery& query) {
    if (!ready_) return absl::UnavailableError("the resolver can't be set up");
    state_.retry = 2;
    state_.retrans = std::max(1, static_cast<int>(absl::ToInt64Seconds(query.timeout) / 2));
    if (query.server.empty()) return absl::OkStatus();
    const size_t colon = query.server.find(':');
    const std::string host = query.server.substr(0, colon);
    int port = NS_DEFAULTPORT;
    const bool port_ok =
        colon == std::string::npos ||
        (absl::SimpleAtoi(query.server.substr(colon + 1), &port) && port > 0 && port < 65536);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (!port_ok || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
      return absl::InvalidArgumentError(absl::StrCat("--discovery-dns=", query.server,
                                                     ": give an IPv4 address, or ADDRESS:PORT"));
    }
    state_.nscount = 1;
    state_.nsaddr_list[0] = address;
    return absl::OkStatus();
  }

  // The answer's bytes.
  absl::StatusOr<std::string> Query(const std::string& name) {
    std::array<unsigned char, NS_MAXMSG> answer = {};
    h_errno = 0;
    const int size = res_nquery(&state_, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                                static_cast<int>(answer.size()));
    if (size >= 0) return std::string(answer.begin(), answer.begin() + size);
    // res_nquery tells in the state or in the thread's h_errno, by version.
    const int reason = state_.res_h_errno != 0 ? state_.res_h_errno : h_errno;
    if (reason == HOST_NOT_FOUND || reason == NO_DATA) {
      return absl::NotFoundError(absl::StrCat("DNS has no SRV record ", name));
    }
    return absl::UnavailableError(absl::StrCat("DNS did not answer for ", name));
  }

 private:
  struct __res_state state_ = {};
  const bool ready_;
};

// The SRV records of an answer; what is malformed is an error, not left out.
absl::StatusOr<std::vector<Record>> ParseAnswer(const std::string& bytes) {
  ns_msg message;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const absl::Status bad = absl::UnavailableError("the DNS server's answer is malformed");
  if (ns_initparse(data, static_cast<int>(bytes.size()), &message) != 0) return bad;
  std::vector<Record> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr resource;
    if (ns_parserr(&message, ns_s_an, i, &resource) != 0) return bad;
    if (ns_rr_type(resource) != ns_t_srv) continue;
    const unsigned char* body = ns_rr_rdata(resource);
    std::array<char, NS_MAXDNAME> host = {};
    if (ns_rr_rdlen(resource) < 7 || dn_expand(ns_msg_base(message), ns_msg_end(message), body + 6,
                                               host.data(), static_cast<int>(host.size())) < 0) {
      return bad;
    }
    records.push_back({.priority = ns_get16(body),
                       .weight = ns_get16(body + 2),
                       .port = ns_get16(body + 4),
                       .host = host.data()});
  }
  return records;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DiscoverEndpoints(const SrvQuery& query) {
  const std::string service =
      query.service_name.empty() ? "_etcd-client" : "_etcd-client-" + query.service_name;
  const std::string name = absl::StrCat(service, "._tcp.", query.domain);
  Resolver resolver;
  if (auto status = resolver.Configure(query); !status.ok()) return status;
  const auto answer = resolver.Query(name);
  if (!answer.ok()) return answer.status();
  auto records = ParseAnswer(*answer);
  if (!records.ok()) return records.status();
  std::sort(records->begin(), records->end(), [](const Record& a, const Record& b) {
    return std::tie(a.priority, b.weight, a.host, a.port) <
           std::tie(b.priority, a.weight, b.host, b.port);
  });
  std::vector<std::string> endpoints;
  for (const Record& record : *records) {
    // A lone "." says that the service is decidedly not there (RFC 2782).
    if (!record.host.empty() && record.host != ".") {
      endpoints.push_back(absl::StrCat(record.host, ":", record.port));
    }
  }
  if (endpoints.empty()) return absl::NotFoundError(absl::StrCat("DNS has no SRV record ", name));
  return endpoints;
}

}  // namespace keelson::kvctl
