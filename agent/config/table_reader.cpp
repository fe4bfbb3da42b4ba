#include "agent/config/table_reader.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

#include "agent/config/directories.h"
#include "agent/config/toml_guard.h"

namespace signet {
namespace {

using std::chrono::milliseconds;

std::string list(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

// toml11's message is several lines with a drawing; its first one says what is wrong.
ConfigMistake syntax_mistake(const std::string& sample, const toml::exception& fault) {
  std::string what = fault.what();
  what = what.substr(0, what.find('\n'));
  if (const std::size_t colon = what.find(": "); what.starts_with("[error]") && colon != std::string::npos)
    what = what.substr(colon + 2);
  return {fault.location().line(), "",
          "this is not TOML: " + what + ". Mend the line; " + sample + " shows how each key is written."};
}

}  // namespace

std::string to_string(const ConfigMistake& mistake, const std::string& file) {
  return file + ":" + std::to_string(mistake.line) + ": " + (mistake.key.empty() ? "" : mistake.key + ": ") +
         mistake.why;
}

void ConfigFault::set(const toml::value& where, const std::string& key, const std::string& what) {
  if (!done()) mistakes.push_back({where.location().line(), key, what});
}

void read_toml(std::string_view text, const std::string& sample, ConfigFault& fault,
               const std::function<void(const toml::value&)>& read) {
  if (std::optional<ConfigMistake> unsafe = check_toml_text(text, sample)) {
    fault.mistakes.push_back(std::move(*unsafe));
    return;
  }
  std::istringstream stream{std::string(text)};
  try {
    read(toml::parse(stream, "TOML"));
  } catch (const toml::exception& error) {
    fault.mistakes.push_back(syntax_mistake(sample, error));
  } catch (const std::exception& error) {
    fault.mistakes.push_back({1, "",
                              std::string("this is not TOML: ") + error.what() + ". " + sample +
                                  " shows how each key is written."});
  }
}

TableReader::TableReader(ConfigFault& fault, const toml::value& table, std::string name,
                         std::span<const std::string_view> known)
    : fault_(fault), table_(table), name_(std::move(name)) {
  if (!table.is_table()) {
    fault_.set(table, name_, "must be a table: write [" + name_ + "] on a line of its own.");
    return;
  }
  // toml11's table has no order: sorted, so that the first one in the file is named first.
  std::vector<std::pair<std::size_t, std::string>> unknown;
  for (const auto& [key, value] : table.as_table())
    if (std::find(known.begin(), known.end(), key) == known.end())
      unknown.emplace_back(value.location().line(), key);
  std::sort(unknown.begin(), unknown.end());
  for (const auto& [line, key] : unknown) fail(key, "is not known. There is: " + list(known) + ".");
}

const toml::value* TableReader::find(std::string_view key) const {
  if (!ok() || !table_.is_table()) return nullptr;
  const auto& table = table_.as_table();
  const auto found = table.find(std::string(key));
  return found == table.end() ? nullptr : &found->second;
}

std::string TableReader::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

void TableReader::fail(std::string_view key, const std::string& what) {
  const toml::value* value = find(key);
  fault_.set(value == nullptr ? table_ : *value, full(key), what);
}

void TableReader::fail(const toml::value& where, std::string_view key, const std::string& what) {
  fault_.set(where, full(key), what);
}

void TableReader::read(std::string_view key, bool& out) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return fail(key, "must be true or false, without quotes.");
  out = value->as_boolean();
}

void TableReader::read(std::string_view key, std::string& out) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return fail(key, "must be a text in quotes.");
  if (value->as_string().str.find('\0') != std::string::npos) return fail(key, "must not hold a NUL.");
  out = value->as_string().str;
}

void TableReader::read(std::string_view key, std::size_t& out, std::size_t least, std::size_t most) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  const std::string range = "from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value->is_integer()) return fail(key, "must be a whole number " + range + ", without quotes.");
  const std::int64_t number = value->as_integer();
  if (number < 0 || static_cast<std::uint64_t>(number) < least || static_cast<std::uint64_t>(number) > most)
    return fail(key, "is " + std::to_string(number) + "; it must be " + range + ".");
  out = static_cast<std::size_t>(number);
}

void TableReader::read(std::string_view key, milliseconds& out) {
  if (!has(key)) return;
  std::string text;
  const toml::value* value = find(key);
  if (value->is_string()) text = value->as_string().str;
  const std::optional<milliseconds> duration = parse_duration(text);
  if (!duration || *duration < milliseconds(10))
    return fail(key, "must be a time from 10ms to 60m in quotes, as \"250ms\", \"10s\" or \"3m\".");
  out = *duration;
}

void TableReader::read(std::string_view key, std::filesystem::path& out) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  std::string text;
  read(key, text);
  if (!value->is_string()) return;
  if (text.starts_with("~/")) text = (home_directory() / text.substr(2)).string();
  if (!text.starts_with('/'))
    return fail(key, "must be an absolute path, as \"/usr/lib/example.so\" (or \"~/…\" for your home).");
  out = text;
}

void TableReader::read(std::string_view key, std::vector<std::string>& out) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return fail(key, "must be a list of texts, as [\"one\", \"two\"].");
  std::vector<std::string> texts;
  for (const toml::value& element : value->as_array()) {
    if (!element.is_string()) return fail(key, "must be a list of texts, as [\"one\", \"two\"].");
    texts.push_back(element.as_string().str);
  }
  out = std::move(texts);
}

void TableReader::read(std::string_view key, std::map<std::string, std::string>& out) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_table()) return fail(key, "must be a table of texts, as { NAME = \"value\" }.");
  for (const auto& [name, text] : value->as_table()) {
    if (!text.is_string()) return fail(key, name + " must be a text in quotes.");
    if (name.empty() || name.find('=') != std::string::npos)
      return fail(key, "\"" + name + "\" is no name of an environment variable.");
    out[name] = text.as_string().str;
  }
}

void TableReader::require(std::string_view key, const std::string& example) {
  if (table_.is_table() && ok() && !has(key))
    fail(key, "is missing. Write it, as " + std::string(key) + " = " + example + ".");
}

void TableReader::one_of(std::string_view key, std::string& out, std::span<const std::string_view> choices) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  std::string text;
  read(key, text);
  if (!value->is_string()) return;
  if (std::find(choices.begin(), choices.end(), text) == choices.end())
    return fail(key, "must be one of: " + list(choices) + ".");
  out = text;
}

void TableReader::each_table(std::string_view key, const std::function<void(const toml::value&)>& read_one) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array())
    return fail(key, "comes in numbers: write [[" + full(key) + "]], with two brackets.");
  for (const toml::value& element : value->as_array())
    if (ok()) read_one(element);
}

void TableReader::sub_table(std::string_view key, const std::function<void(const toml::value&)>& read_it) {
  if (const toml::value* value = find(key)) read_it(*value);
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > 3'600'000) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60'000;
  if (factor == 0 || number * factor > 3'600'000) return std::nullopt;
  return milliseconds(number * factor);
}

}  // namespace signet
