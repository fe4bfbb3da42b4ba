#include "tests/support/sample_file.h"

#include <fstream>
#include <sstream>

namespace signet::test {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string with_examples(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line); out += '\n')
    out += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line;
  return out;
}

std::set<std::string> keys_set(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> keys;
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) {
      table = line.substr(line.find_last_of('[', 1) + 1);
      table = table.substr(0, table.find(']'));
    } else if (const std::size_t equals = line.find(" = ");
               equals != std::string::npos && !line.starts_with('#')) {
      keys.insert(table + "." + line.substr(0, equals));
    }
  }
  return keys;
}

}  // namespace signet::test
