// A closed loop: clients that ask for one signature after the other, and what was done in a window of time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/load/latency_histogram.h"
#include "tests/bench/load/signer.h"

namespace signet::bench {

struct LoadPlan {
  int clients = 1;
  bool processes = false;  // a process for each client instead of a thread
  std::chrono::milliseconds warm_up{300};
  std::chrono::milliseconds window{1000};
  std::vector<pid_t> watched;  // whose CPU time is told; their descendants too
};

struct LoadReport {
  double seconds = 0;
  std::uint64_t signatures = 0;
  LatencyHistogram latencies;                  // of calls: one for a whole batch
  std::map<std::string, std::int64_t> cpu_ns;  // by program or program/thread; this program's under "clients"
};

// Starts the clients one after the other: SoftHSM's C_Login rewrites a file, and logins at once get in each
// other's way. The first error of a client ends it. Call it once in a process, while that has one thread.
Result<LoadReport> run_load(const LoadPlan& plan, const SignerMaker& make);

}  // namespace signet::bench
