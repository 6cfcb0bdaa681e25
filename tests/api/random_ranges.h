// A small store with much history, and ranges that ask for all kinds of it.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {

// Keys with several versions, deletes in between, values of very different sizes.
inline void Fill(storage::StoreHarness& store, std::mt19937_64& random) {
  for (int i = 0; i < 400; ++i) {
    const std::string key = absl::StrCat("k", random() % 60);
    if (random() % 5 == 0) {
      store.Delete(key);
    } else {
      store.Put(key, std::string(random() % (random() % 10 == 0 ? 3000 : 20), 'v'));
    }
  }
}

inline etcdserverpb::RangeRequest RandomRequest(std::mt19937_64& random, int64_t revision) {
  using etcdserverpb::RangeRequest;
  RangeRequest request;
  request.set_key(absl::StrCat("k", random() % 60));
  const auto dice = random() % 6;
  if (dice == 0) {
    request.set_range_end(std::string(1, '\0'));
  } else if (dice == 1) {
    request.set_range_end(absl::StrCat("k", random() % 60));
  } else if (dice > 2) {
    request.set_key("k");
    request.set_range_end("l");
  }
  const auto some = [&] {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(revision));
  };
  if (random() % 3 == 0) request.set_limit(static_cast<int64_t>(random() % 70));
  if (random() % 3 == 0) request.set_revision(some());
  if (random() % 4 == 0) request.set_keys_only(true);
  if (random() % 9 == 0) request.set_count_only(true);
  if (random() % 2 == 0) {
    request.set_sort_order(static_cast<RangeRequest::SortOrder>(random() % 3));
    request.set_sort_target(static_cast<RangeRequest::SortTarget>(random() % 5));
  }
  if (random() % 5 == 0) request.set_min_mod_revision(some());
  if (random() % 5 == 0) request.set_max_create_revision(some());
  return request;
}

}  // namespace keelson::server
