// Deliberate bugs, with which tests and the simulator prove that they would notice.
//
// All are compile-time false in a real build, so that their code is gone. -DKEELSON_MUTANT_<NAME>
// builds one in; -DKEELSON_MUTANTS builds all in, and the environment variable KEELSON_MUTANT=NAME
// chooses one of them when the process starts.
#pragma once

#ifdef KEELSON_MUTANTS

#include <cstdlib>
#include <string_view>

namespace keelson {

inline bool MutantIsChosen(std::string_view name) {
  const char* chosen = std::getenv("KEELSON_MUTANT");
  return chosen != nullptr && name == chosen;
}

}  // namespace keelson

#define KEELSON_DEFINE_MUTANT(variable, name) \
  inline const bool variable = ::keelson::MutantIsChosen(name)

#else

#define KEELSON_DEFINE_MUTANT(variable, name) inline constexpr bool variable = false

#endif
