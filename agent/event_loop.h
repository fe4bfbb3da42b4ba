// signetd's event loop: io_context::run(), but for how it waits.
#pragma once

#include <boost/asio/io_context.hpp>

namespace signet {

// Runs until nothing is left to be waited for, or the loop is stopped. Waits briefly without sleeping while
// that pays (pkcs11/host_wait.h). What a handler throws comes out of it.
void run_event_loop(boost::asio::io_context& loop);

}  // namespace signet
