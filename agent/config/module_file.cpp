#include "agent/config/module_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxSize = 64 * 1024;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool lists(const std::string& names, std::string_view program) {
  std::string spaced = names;
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  std::istringstream words(spaced);
  for (std::string word; words >> word;)
    if (word == program) return true;
  return false;
}

std::vector<fs::path> module_files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code ec;
  for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec)) {
    std::error_code unreadable;
    if (entry->path().extension() == ".module" && entry->is_regular_file(unreadable) &&
        entry->file_size(unreadable) <= kMaxSize)
      files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

ModuleFile parse_module_file(std::string_view text) {
  ModuleFile out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    out[std::string(trim(line.substr(0, colon)))] = std::string(trim(line.substr(colon + 1)));
  }
  return out;
}

std::map<std::string, ModuleFile> read_module_files(const std::vector<fs::path>& directories) {
  std::map<std::string, ModuleFile> out;
  for (const fs::path& directory : directories) {
    for (const fs::path& path : module_files_in(directory)) {
      std::ifstream stream(path, std::ios::binary);
      std::ostringstream text;
      text << stream.rdbuf();
      for (auto& [key, value] : parse_module_file(text.str())) out[path.stem().string()][key] = value;
    }
  }
  return out;
}

bool module_enabled_for(const ModuleFile& file, std::string_view program) {
  if (const auto enable = file.find("enable-in"); enable != file.end() && !lists(enable->second, program))
    return false;
  const auto disable = file.find("disable-in");
  return disable == file.end() || !lists(disable->second, program);
}

}  // namespace signet
