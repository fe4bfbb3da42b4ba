// The IDL's RecordFilter, read.
#pragma once

#include <boost/json/object.hpp>

#include "agent/ledger/ledger_types.h"
#include "agent/service/key_book.h"
#include "protocol/result.h"

namespace signet {

// From the call's parameter "filter"; null and absent let everything through. InvalidParameter (filter.since,
// …), NotFound for a key that was never enrolled here.
Result<RecordFilter> record_filter(const boost::json::object& parameters, const KeyBook& keys);

}  // namespace signet
