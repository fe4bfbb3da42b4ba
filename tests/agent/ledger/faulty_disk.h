// A disk that fails on demand: an SQLite VFS over the system's one. It can report faults at a chosen
// operation, and it can lose power: then a file is what was synced, plus a random part of what was written
// after (whole writes or torn ones, in any order), as after a real power cut.
//
// Operations that count: write, truncate, sync, delete. One thread at a time uses the database; the plan may
// be changed between calls.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace signet::test {

enum class DiskFault { Full, ReadOnly, WriteError, SyncError };

class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  const char* name() const { return name_.c_str(); }

  // Lets `after` operations pass, then fails `times` of them (those that the fault concerns).
  void fail(DiskFault fault, std::int64_t after, std::int64_t times);
  void heal() { times_ = 0; }
  std::int64_t faults() const { return faults_; }  // reported since the last fail()

  // Lets `after` operations pass; then every operation fails until power_on().
  void cut_power(std::int64_t after);
  bool is_off() const { return off_; }
  // Call it with the database closed. Writes the files as the disk had them.
  void power_on(std::mt19937& random);

 private:
  friend struct FaultyFile;
  struct Pending {
    std::int64_t offset = 0;
    std::string data;
    bool truncate = false;  // to offset
  };
  struct Image {
    std::string durable;
    std::vector<Pending> pending;
  };

  // SQLITE_OK, or what the operation is to answer.
  int strike(bool is_sync);
  Image& image(const std::string& path);
  static void apply(std::string& content, const Pending& write);
  static Pending torn(Pending write, std::mt19937& random);

  static int open(sqlite3_vfs*, const char*, sqlite3_file*, int, int*);
  static int remove(sqlite3_vfs*, const char*, int);

  std::string name_;
  sqlite3_vfs vfs_{};
  sqlite3_vfs* const system_;
  std::map<std::string, Image> images_;
  DiskFault fault_ = DiskFault::Full;
  std::int64_t wait_ = 0, times_ = 0, faults_ = 0, power_left_ = -1;
  bool off_ = false;
};

}  // namespace signet::test
