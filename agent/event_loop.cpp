#include "agent/event_loop.h"

#include "pkcs11/host_wait.h"

namespace signet {

void run_event_loop(boost::asio::io_context& loop) {
  using host::BriefWait;
  BriefWait wait;
  while (!loop.stopped()) {
    if (loop.poll() > 0) continue;
    const auto begun = BriefWait::Clock::now();
    // One handler only, so that the time is the wait's, not that of all who are ready.
    const bool found =
        wait.pays() && BriefWait::look([&loop] { return loop.poll_one() > 0 || loop.stopped(); });
    if (!found) loop.run_one();
    wait.ended(BriefWait::Clock::now() - begun);
  }
}

}  // namespace signet
