// What tests change about a ledger. The defaults are what signetd runs with.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>

#include "protocol/result.h"

namespace signet {

using LedgerClock = std::function<std::chrono::system_clock::time_point()>;

struct LedgerOptions {
  LedgerClock clock = [] { return std::chrono::system_clock::now(); };
  const char* vfs = nullptr;  // an SQLite VFS by name; null: the system's

  // Calls that may wait for the writer. The next one gets Busy, except those that end what was begun (finish,
  // end_pin_attempt): they are as many as were begun, and always accepted.
  std::size_t queue = 8192;
  // Calls that share one COMMIT at most: bounds how much one fault of the disk can take down.
  std::size_t group = 512;
  // How long a record that nobody waits for (Ledger::record_later) may wait for company.
  std::chrono::milliseconds patience{50};

  // Told on the writer's thread after each COMMIT that wrote, before its calls complete: there are new
  // records. It must not block. May be empty.
  std::function<void()> on_commit;

  // Told on the writer's thread after each group: its calls, and whether it was committed. May be empty.
  std::function<void(std::size_t calls, bool committed)> on_group;
};

class Ledger;

// Ledger::create() and Ledger::open(), with options.
Result<std::unique_ptr<Ledger>> create_ledger(const std::filesystem::path& directory, LedgerOptions options);
Result<std::unique_ptr<Ledger>> open_ledger(const std::filesystem::path& directory, LedgerOptions options);

}  // namespace signet
