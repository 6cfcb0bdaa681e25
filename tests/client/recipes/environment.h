// Where the recipes' tests run: in memory or on a real server, as each binary links it.
#pragma once

#include <memory>
#include <string>

#include "client/keelson/client.h"

namespace keelson::testing {

class RecipeEnvironment {
 public:
  virtual ~RecipeEnvironment() = default;
  // A client of the same cluster, with a connection of its own.
  virtual std::unique_ptr<client::Client> NewClient() = 0;
};

// Null, with a reason, where it can't be had.
std::unique_ptr<RecipeEnvironment> MakeRecipeEnvironment(std::string& reason);

}  // namespace keelson::testing
