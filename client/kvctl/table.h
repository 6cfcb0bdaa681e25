// Columns of text, aligned, with two blanks between and no frames: for people's eyes.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace keelson::kvctl {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // REQUIRES: as many cells as the header has.
  void Row(std::vector<std::string> cells);

  // With the header in bold if `colour`. The last column is not padded.
  void Print(bool colour, std::ostream& out) const;

 private:
  void PrintRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                std::ostream& out) const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// How many characters a terminal shows for UTF-8 `text`, wide ones counted as one.
size_t DisplayWidth(const std::string& text);

}  // namespace keelson::kvctl
