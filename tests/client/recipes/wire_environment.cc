#include "base/check.h"
#include "tests/client/recipes/environment.h"
#include "tests/harness/test_cluster.h"

namespace keelson::testing {
namespace {

class WireEnvironment : public RecipeEnvironment {
 public:
  explicit WireEnvironment(std::unique_ptr<TestCluster> cluster) : cluster_(std::move(cluster)) {}

  std::unique_ptr<client::Client> NewClient() override {
    auto client = client::Client::Create({.endpoints = cluster_->endpoints()});
    KEELSON_CHECK(client.ok(), "endpoints of a test cluster are valid");
    return *std::move(client);
  }

 private:
  const std::unique_ptr<TestCluster> cluster_;
};

}  // namespace

std::unique_ptr<RecipeEnvironment> MakeRecipeEnvironment(std::string& reason) {
  if (!FindServerBinary()) {
    reason = MissingServerMessage();
    return nullptr;
  }
  auto cluster = TestCluster::Start({.members = 1});
  KEELSON_CHECK(cluster.ok(), "one member starts");
  return std::make_unique<WireEnvironment>(*std::move(cluster));
}

}  // namespace keelson::testing
