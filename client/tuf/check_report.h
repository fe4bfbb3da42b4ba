// What a check of metadata found, step by step.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/metadata.h"

namespace signet::client {

enum class Finding { Good, Warning, Bad };

struct CheckStep {
  Finding finding = Finding::Good;
  std::string file;  // as it was named to the check
  std::string role;  // empty where the file could not be read
  std::int64_t version = 0;
  std::string message;  // what holds, or what does not
};

struct CheckReport {
  std::vector<CheckStep> steps;

  bool good() const;  // nothing bad among the steps
  void add(Finding finding, std::string file, std::string role, std::int64_t version, std::string message);
};

struct CheckOptions {
  std::chrono::sys_seconds now;
  bool allow_expired = false;  // expired metadata is a warning only
};

// "has 3 good signatures, root 1 asks for 2".
std::string threshold_text(std::size_t valid, std::int64_t threshold, const std::string& delegator);

// One step about the expiry of `content`, if there is something to say about it.
void check_expiry(const Signed& content, const std::string& file, const std::string& role,
                  const CheckOptions& options, CheckReport& report);

}  // namespace signet::client
