// A range of any size, page by page, as it was at one revision: bounded memory, at the reader's
// pace, over the failure of members.
//
//   RangeReader reader(client->kv(), KeyRange::Prefix("users/"));
//   while (true) {
//     auto page = reader.Next();
//     if (!page.ok() || page->empty()) break;   // a failure, or the end
//     ...
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/future.h"
#include "client/keelson/kv.h"

namespace keelson::client {

namespace internal {
class RangeFeed;
}

struct RangeReaderOptions {
  int64_t revision = 0;  // read the store as it was then; 0: as it is when the first page is read
  // A page has so many pairs at most, and about so many bytes.
  int64_t max_page_pairs = 1000;
  size_t max_page_bytes = 4 << 20;
  bool keys_only = false;     // leave the values out
  bool serializable = false;  // see GetOptions
};

// One thread at a time. The first page is a read like any other, and fixes the revision; those that
// follow come as one stream (RangeStream), of which no more than a page and a message is read
// ahead. Where the stream breaks, and where the cluster has none (etcd before 3.7), the next page
// is a call of its own, which retries and fails over like any other; then it goes on as a stream.
class RangeReader {
 public:
  // `call` is for each page.
  RangeReader(Kv kv, KeyRange range, RangeReaderOptions options = {}, CallOptions call = {});
  ~RangeReader();
  RangeReader(const RangeReader&) = delete;
  RangeReader& operator=(const RangeReader&) = delete;

  // The next pairs in the order of their keys; empty at the end. After a failure the same page can
  // be asked for again. OutOfRange: the revision was compacted away meanwhile; begin anew.
  absl::StatusOr<std::vector<KeyValue>> Next();
  // REQUIRES: the result of the last Next has come; the reader lives until it has.
  Future<std::vector<KeyValue>> NextAsync();

  // The revision that all pages are of; 0 before the first.
  int64_t revision() const { return options_.revision; }
  // Whether the next page is empty because nothing is left.
  bool done() const { return done_; }

 private:
  GetOptions Ask() const;
  absl::Duration Timeout() const;
  // What is left to do once pairs are here.
  std::vector<KeyValue> Take(std::vector<KeyValue> pairs, bool last);
  // How large the next page may be.
  void Fit(const GetResult& page);
  // What follows the first page comes as a stream, if it can.
  void OpenFeed();
  void CloseFeed();

  const Kv kv_;
  KeyRange left_;  // what was not read yet
  RangeReaderOptions options_;
  const CallOptions call_;
  int64_t limit_;
  bool done_ = false;
  bool is_fixed_ = false;                      // a page has come: the revision exists
  int futile_feeds_ = 0;                       // in a row
  std::shared_ptr<internal::RangeFeed> feed_;  // null: none is open
};

}  // namespace keelson::client
