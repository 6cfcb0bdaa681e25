// outside ENDPOINTS: writes under a lock, reads it back, and says "works".
#include <cstdio>
#include <memory>
#include <string>

#include "client/keelson/client.h"
#include "client/keelson/recipes/lock.h"

int main(int argc, char** argv) {
  namespace kc = keelson::client;
  if (argc != 2) return 2;
  const auto client = kc::Client::Create({.endpoints = {argv[1]}});
  if (!client.ok()) return 1;
  const auto session = kc::recipes::LeaseSession::Start(**client);
  if (!session.ok()) return 1;
  kc::recipes::Lock lock(**session, "outside/lock");
  if (!lock.Acquire({.timeout = absl::Seconds(20)}).ok()) return 1;
  if (!lock.fence().Put((*client)->kv(), "outside/key", "works").ok()) return 1;
  const auto got = (*client)->kv().GetAsync(kc::KeyRange::Key("outside/key")).Get();
  if (!got.ok() || got->kvs.size() != 1) return 1;
  std::puts(got->kvs[0].value.c_str());
  return 0;
}
