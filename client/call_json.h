// What a caller asks for, as the IDL's types.
#pragma once

#include <boost/json/object.hpp>

#include "client/signet.h"

namespace signet::client {

// Members that are not given are left out.
boost::json::object filter_json(const RecordFilterInfo& filter);

}  // namespace signet::client
