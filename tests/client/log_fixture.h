// An exported log of some records, signed by a key of the tests.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/log/log_check.h"
#include "client/log/log_export.h"

namespace signet::test {

namespace fs = std::filesystem;
using Statements = std::vector<std::string>;

inline constexpr const char* kOrigin = "example.com/log";
inline constexpr std::uint64_t kRecords = 300;  // a full bundle and a partial one

std::string statement(std::uint64_t sequence, const std::string& text = "record");
Statements statements(std::uint64_t count);
std::string signed_checkpoint(const Statements& all, int key_number = 0, const std::string& origin = kOrigin);
client::LogCheckOptions checked_with_key();
client::StatementSource source_of(const Statements& all);  // borrows
Result<client::ExportReport> export_to(const fs::path& path, const Statements& all, const std::string& note);
// Of the findings that are no warnings.
std::set<std::string> names(const client::LogReport& report);

std::string read_text(const fs::path& path);
void write_text(const fs::path& path, const std::string& text);
std::map<std::string, std::string> content_of(const fs::path& directory);
std::string why(const Error& error);

}  // namespace signet::test
