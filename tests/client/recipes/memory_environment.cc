#include "tests/client/recipes/environment.h"
#include "tests/client/recipes/fake_cluster.h"

namespace keelson::testing {
namespace {

class MemoryEnvironment : public RecipeEnvironment {
 public:
  std::unique_ptr<client::Client> NewClient() override {
    return std::move(FakeClient(cluster_).client);
  }

 private:
  const std::shared_ptr<FakeCluster> cluster_ = std::make_shared<FakeCluster>();
};

}  // namespace

std::unique_ptr<RecipeEnvironment> MakeRecipeEnvironment(std::string&) {
  return std::make_unique<MemoryEnvironment>();
}

}  // namespace keelson::testing
