// The order among pairs that a sort holds for equal, which the API leaves open.
#pragma once

#include "tests/differential/server.h"

namespace keelson::differential {

// Whether two answers to a range, or to a transaction with ranges, are equal when in each sorted
// range the pairs with equal sort keys are put in the order of their keys. Where a limit cut
// through such a run, any of its pairs may have been given.
bool EqualButForTies(const Request& request, const Answer& reference, const Answer& subject);

}  // namespace keelson::differential
