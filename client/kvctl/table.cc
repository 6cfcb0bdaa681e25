#include "client/kvctl/table.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::kvctl {

size_t DisplayWidth(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

void Table::Row(std::vector<std::string> cells) {
  KEELSON_CHECK(cells.size() == header_.size(), "a row has a cell for each column");
  rows_.push_back(std::move(cells));
}

void Table::Print(bool colour, std::ostream& out) const {
  std::vector<size_t> widths;
  for (const std::string& name : header_) widths.push_back(DisplayWidth(name));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  if (colour) out << "\x1b[1m";
  PrintRow(header_, widths, out);
  if (colour) out << "\x1b[0m";
  for (const auto& row : rows_) PrintRow(row, widths, out);
}

void Table::PrintRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                     std::ostream& out) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    line += cells[i] + std::string(widths[i] - DisplayWidth(cells[i]), ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << "\n";
}

}  // namespace keelson::kvctl
