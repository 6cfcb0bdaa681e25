#include "tests/process/load_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {

std::unique_ptr<client::Client> ClientOf(const std::vector<std::string>& endpoints) {
  client::ClientOptions options;
  options.endpoints = endpoints;
  auto made = client::Client::Create(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

std::set<std::string> WrittenKeysAt(const std::string& endpoint) {
  const auto got = ClientOf({endpoint})->kv().Get(client::KeyRange::Prefix("w/"));
  EXPECT_TRUE(got.ok()) << got.status();
  std::set<std::string> keys;
  if (got.ok()) {
    for (const auto& kv : got->kvs) keys.insert(kv.key);
  }
  return keys;
}

LoadWriter::LoadWriter(const std::vector<std::string>& endpoints)
    : client_(ClientOf(endpoints)), thread_([this] { Run(); }) {}

void LoadWriter::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

bool LoadWriter::GoesOn() {
  const int before = acknowledged_;
  return WaitUntil(absl::Seconds(10), [&] { return acknowledged_ > before + 20; });
}

void LoadWriter::ExpectAllAt(const std::vector<std::string>& endpoints) const {
  for (const std::string& endpoint : endpoints) {
    const std::set<std::string> there = WrittenKeysAt(endpoint);
    for (const std::string& key : keys_) {
      ASSERT_TRUE(there.contains(key)) << key << " was acknowledged; lost at " << endpoint;
    }
  }
}

void LoadWriter::Run() {
  absl::Time last = absl::Now();
  for (int i = 0; !stop_; ++i) {
    const std::string key = absl::StrCat("w/", i);
    if (!client_->kv().Put(key, key).ok()) continue;
    keys_.insert(key);
    ++acknowledged_;
    const absl::Time now = absl::Now();
    longest_gap_ = std::max(longest_gap_, now - last);
    last = now;
  }
}

}  // namespace keelson::testing
