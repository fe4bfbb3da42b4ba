// CPU time of processes, by program and thread, from /proc/PID/task/TID/schedstat (nanoseconds).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace signet::bench {

// The threads that these processes and their descendants have now. What starts later is not seen: watch after
// a warm-up. Not thread safe.
class CpuWatch {
 public:
  explicit CpuWatch(const std::vector<pid_t>& roots);
  CpuWatch(const CpuWatch&) = delete;
  CpuWatch& operator=(const CpuWatch&) = delete;
  ~CpuWatch();

  // Nanoseconds of each thread so far. One system call a thread: the files are open.
  std::vector<std::int64_t> read() const;

  // What passed between two readings, in nanoseconds, by "program" (its main thread, and those that have its
  // name) or "program/thread".
  std::map<std::string, std::int64_t> between(const std::vector<std::int64_t>& from,
                                              const std::vector<std::int64_t>& to) const;

 private:
  struct Thread {
    std::string name;
    int file;
  };
  void add_process(pid_t pid);

  std::vector<Thread> threads_;
};

}  // namespace signet::bench
