// The words of verdicts. Internal to agent/policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/policy/decide.h"

namespace signet {

// In quotation marks, control characters and quotation marks escaped, cut after 120 bytes: names come from
// whoever asks.
std::string quoted_name(std::string_view name);
// "1 target", "3 targets".
std::string count_text(std::int64_t count, std::string_view thing);
// "Sun 2026-11-22 03:00 UTC"
std::string week_time(std::chrono::sys_seconds time);
// "uid 1000 (gid 100, a job of github)"
std::string who_text(const PolicyIdentity& who);
// "sign-metadata with key "a" for the role root of example.com/app"
std::string what_text(const PolicyRequest& request);

}  // namespace signet
