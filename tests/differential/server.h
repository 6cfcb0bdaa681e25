// One server under comparison, over the generated stubs: raw answers, normalised only where two
// correct servers can't agree.
#pragma once

#include <memory>
#include <string>

#include "proto/etcd/rpc.pb.h"
#include "tests/differential/id_names.h"
#include "tests/differential/requests.h"

namespace keelson::differential {

// What a request got: gRPC's code and text, and the message if the code is 0.
struct Answer {
  int code = 0;
  std::string error = {};
  std::shared_ptr<google::protobuf::Message> message = {};
  // How the answer was written, where that is compared, too; then Text() is this.
  std::string form = {};

  // All of it as text, one field a line.
  std::string Text() const;
};

// A watch stream. Blocking; ended by its deadline at the latest.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
  virtual void Send(const etcdserverpb::WatchRequest& request) = 0;
  // The next answer, normalised. False when the stream has ended; then end() tells how.
  virtual bool Read(etcdserverpb::WatchResponse& response) = 0;
  virtual const std::string& end() const = 0;
};

class Server {
 public:
  virtual ~Server() = default;

  // Sends the request and normalises the answer:
  //   cluster and member ids, raft term    each cluster has its own         -> left out
  //   lease ids that the server picked     random                           -> the driver's names
  //   what remains of a lease's TTL        the clocks' business             -> 1 if positive
  //   order of leases and of a lease's keys    not promised                 -> sorted
  // `handle` names the lease of a LeaseGrantRequest without an id.
  virtual Answer Call(const Request& request, int64_t handle) = 0;

  virtual std::unique_ptr<WatchStream> OpenWatch() = 0;

  virtual const std::string& endpoint() const = 0;
};

std::unique_ptr<Server> ConnectServer(const std::string& endpoint);

}  // namespace keelson::differential
