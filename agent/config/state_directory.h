// The directory that holds what one agent remembers.
#pragma once

#include <filesystem>

#include "protocol/result.h"

namespace signet {

// Held by one process for life. Nobody but its owner can look into it.
class StateDirectory {
 public:
  // Creates the directory (0700, parents too) and locks DIR/lock. FileFault for one that another user owns or
  // can look into; AlreadyExists if another agent holds it: it must end first.
  static Result<StateDirectory> open(const std::filesystem::path& path);

  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  StateDirectory(std::filesystem::path path, int lock);

  std::filesystem::path path_;
  int lock_ = -1;  // close-on-exec: token hosts never inherit it
};

// A person's: $XDG_STATE_HOME/signet, else ~/.local/state/signet. The system's: /var/lib/signet.
std::filesystem::path default_state_directory(bool system);

}  // namespace signet
