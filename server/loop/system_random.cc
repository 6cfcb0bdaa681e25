#include "server/loop/system_random.h"

#include <sys/random.h>

#include <array>
#include <memory>
#include <random>

#include "base/check.h"

namespace keelson::server {

Random MakeSystemRandom() {
  std::array<uint32_t, 16> bytes;
  // Up to 256 bytes arrive whole once the kernel's pool is ready (getrandom(2)).
  KEELSON_CHECK(getrandom(bytes.data(), sizeof(bytes), 0) == sizeof(bytes),
                "the kernel gives random bytes");
  std::seed_seq seed(bytes.begin(), bytes.end());
  auto engine = std::make_shared<std::mt19937_64>(seed);
  return [engine] { return (*engine)(); };
}

}  // namespace keelson::server
