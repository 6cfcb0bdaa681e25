// The lines in which two texts differ.
#pragma once

#include <string>

namespace keelson::differential {

// "- " before lines of `reference` only, "+ " before lines of `subject` only, with two lines of
// context. Empty for equal texts.
std::string LineDiff(const std::string& reference, const std::string& subject);

}  // namespace keelson::differential
