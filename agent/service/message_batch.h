// SignMessage for many messages or digests in one call.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <cstddef>

#include "agent/service/state.h"
#include "agent/varlink/handler.h"

namespace signet {

// Messages in one call; the frame's size limits their bytes (limits.frame-size).
inline constexpr std::size_t kMostMessagesInBatch = 1024;

// Whether the call is for a batch: it has "messages" or "digests".
bool is_message_batch(const boost::json::object& parameters);

// A result for each message, in their order. If none was signed, the first one's error is the call's.
boost::asio::awaitable<Result<boost::json::object>> sign_message_batch(ServiceState& state, Call call);

}  // namespace signet
