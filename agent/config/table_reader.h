// Takes values out of one TOML table, with types, ranges and good errors. For the agent's parsers of TOML
// files (agent/config, agent/policy).
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <toml.hpp>
#include <vector>

#include "agent/config/mistake.h"

namespace signet {

// What is wrong with a file: its first mistake, after which everything is skipped; or with `all` every one.
struct ConfigFault {
  bool all = false;
  std::vector<ConfigMistake> mistakes;

  bool done() const { return !all && !mistakes.empty(); }
  void set(const toml::value& where, const std::string& key, const std::string& what);
};

// Hands the root of a TOML text to `read`. What toml11 cannot read, or cannot be trusted with (toml_guard.h),
// is a mistake in `fault`, which says that the file `sample` shows how it is done. Never throws.
void read_toml(std::string_view text, const std::string& sample, ConfigFault& fault,
               const std::function<void(const toml::value&)>& read);

class TableReader {
 public:
  // `name`: of the table, "limits"; empty for the file's root. Keys that are not `known` are an error.
  TableReader(ConfigFault& fault, const toml::value& table, std::string name,
              std::span<const std::string_view> known);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const toml::value& table() const { return table_; }
  bool ok() const { return !fault_.done(); }
  // An error of this key (or of the table, if the key is absent); or of one element of its list.
  void fail(std::string_view key, const std::string& what);
  void fail(const toml::value& where, std::string_view key, const std::string& what);

  // Each leaves `out` alone if the key is absent.
  void read(std::string_view key, bool& out);
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, std::size_t& out, std::size_t least, std::size_t most);
  void read(std::string_view key, std::chrono::milliseconds& out);  // "250ms", "10s", "3m"; 10 ms to 1 h
  void read(std::string_view key, std::filesystem::path& out);      // absolute, "~/" is the home directory
  void read(std::string_view key, std::vector<std::string>& out);
  void read(std::string_view key, std::map<std::string, std::string>& out);
  void require(std::string_view key, const std::string& example);
  void one_of(std::string_view key, std::string& out, std::span<const std::string_view> choices);
  void each_table(std::string_view key, const std::function<void(const toml::value&)>& read_one);
  void sub_table(std::string_view key, const std::function<void(const toml::value&)>& read_it);
  // Null if the key is absent.
  const toml::value* find(std::string_view key) const;

 private:
  std::string full(std::string_view key) const;

  ConfigFault& fault_;
  const toml::value& table_;
  std::string name_;
};

// "250ms", "10s", "3m": nothing for another text or more than an hour.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace signet
