#include "tests/bench/load/cpu_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace signet::bench {

namespace {

namespace fs = std::filesystem;

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string first_line(const fs::path& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// The kernel cuts a program's name ("comm") at 15 bytes; its first argument has the whole one, most times.
std::string program_name(const fs::path& process) {
  const std::string cut = first_line(process / "comm");
  std::string argument;
  std::ifstream file(process / "cmdline");
  std::getline(file, argument, '\0');
  const std::string whole = fs::path(argument).filename();
  return whole.starts_with(cut) ? whole : cut;
}

// Zero for a process that has ended.
pid_t parent_of(pid_t pid) {
  const std::string stat = first_line("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

std::map<pid_t, std::vector<pid_t>> children_by_parent() {
  std::map<pid_t, std::vector<pid_t>> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (!is_number(name)) continue;
    const pid_t pid = std::stoi(name);
    children[parent_of(pid)].push_back(pid);
  }
  return children;
}

std::set<pid_t> with_descendants(const std::vector<pid_t>& roots) {
  auto children = children_by_parent();
  std::set<pid_t> all;
  std::vector<pid_t> left = roots;
  while (!left.empty()) {
    const pid_t pid = left.back();
    left.pop_back();
    if (!all.insert(pid).second) continue;
    const auto& next = children[pid];
    left.insert(left.end(), next.begin(), next.end());
  }
  return all;
}

}  // namespace

CpuWatch::CpuWatch(const std::vector<pid_t>& roots) {
  for (const pid_t pid : with_descendants(roots)) add_process(pid);
}

CpuWatch::~CpuWatch() {
  for (const Thread& thread : threads_) ::close(thread.file);
}

void CpuWatch::add_process(pid_t pid) {
  const fs::path process = "/proc/" + std::to_string(pid);
  const std::string program = program_name(process), cut = first_line(process / "comm");
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(process / "task", gone)) {
    const std::string thread = first_line(task.path() / "comm");
    const int file = ::open((task.path() / "schedstat").c_str(), O_RDONLY | O_CLOEXEC);
    if (file >= 0) threads_.push_back({thread == cut ? program : program + "/" + thread, file});
  }
}

std::vector<std::int64_t> CpuWatch::read() const {
  std::vector<std::int64_t> times;
  times.reserve(threads_.size());
  for (const Thread& thread : threads_) {
    char text[64] = {};
    const ssize_t got = ::pread(thread.file, text, sizeof text - 1, 0);
    times.push_back(got > 0 ? std::strtoll(text, nullptr, 10) : -1);
  }
  return times;
}

std::map<std::string, std::int64_t> CpuWatch::between(const std::vector<std::int64_t>& from,
                                                      const std::vector<std::int64_t>& to) const {
  std::map<std::string, std::int64_t> sums;
  for (std::size_t i = 0; i < threads_.size(); ++i)
    if (from[i] >= 0 && to[i] >= from[i]) sums[threads_[i].name] += to[i] - from[i];
  return sums;
}

}  // namespace signet::bench
