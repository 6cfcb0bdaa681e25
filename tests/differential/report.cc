#include "tests/differential/report.h"

#include "tests/differential/line_diff.h"

namespace keelson::differential {

void Report::Take(int64_t op, const std::string& what, const Difference& difference) {
  if (const Exception* exception = FindException(difference)) {
    ++explained_[exception->name];
    return;
  }
  ++failures_;
  out_ << "\nDIFFERENCE at operation " << op << " (- reference, + subject)\n  replay: " << replay_
       << " --ops " << op + 1 << "\n  " << what << "\n"
       << LineDiff(difference.reference_text, difference.subject_text) << std::flush;
}

void Report::PrintSummary() const {
  int64_t total = 0;
  for (const auto& [kind, count] : counts_) total += count;
  out_ << "\n" << total << " comparisons:\n";
  for (const auto& [kind, count] : counts_) out_ << "  " << count << "  " << kind << "\n";
  for (const Exception& exception : AllExceptions()) {
    const auto found = explained_.find(exception.name);
    out_ << "exception " << exception.name << ": "
         << (found == explained_.end() ? 0 : found->second) << " times (" << exception.reason
         << ")\n";
  }
  out_ << failures_ << " differences without an exception\n" << std::flush;
}

}  // namespace keelson::differential
