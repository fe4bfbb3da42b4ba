#include "client/command/help_format.h"

#include <algorithm>

#include "client/command/exit_code.h"

namespace signet::client {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kNameColumns = 22;

// How many columns a text takes: UTF-8 continuation bytes take none.
std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return count;
}

std::string wrap_from(std::string_view text, std::size_t indent, std::size_t column) {
  std::string wrapped;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    if (column > indent && column + 1 + columns(word) > kColumns) {
      wrapped += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      wrapped += ' ';
      ++column;
    }
    wrapped += word;
    column += columns(word);
  }
  return wrapped + "\n";
}

}  // namespace

std::string wrap_text(std::string_view text, std::size_t indent) {
  return wrap_from(text, indent, indent);
}

std::string wrap_paragraphs(std::string_view text) {
  std::string wrapped, paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) wrapped += wrap_text(paragraph, 0);
    paragraph.clear();
  };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty() && line.front() != ' ') {
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
      continue;
    }
    end_paragraph();
    wrapped += std::string(line) + "\n";
  }
  end_paragraph();
  return wrapped;
}

std::string help_entry(std::string_view name, std::string_view description) {
  std::string entry = "  " + std::string(name);
  if (columns(entry) + 2 > kNameColumns + 2)
    entry += "\n" + std::string(kNameColumns + 2, ' ');
  else
    entry.append(kNameColumns + 2 - columns(entry), ' ');
  return entry + wrap_text(description, kNameColumns + 2);
}

std::string global_help_text() {
  std::string text =
      "The agent: start it with \"signetd\" in your own session, or \"systemctl start\n"
      "signetd\" for the system's. \"signet init\" makes its ledger, once.\n"
      "\n"
      "PINs are asked for on the terminal and never taken from the command line.\n"
      "Scripts give them with --pin-file or --pin-fd, or configure a PIN source for\n"
      "the token in the agent.\n"
      "\n"
      "Exit codes:\n";
  for (const auto& [code, meaning] : kExitCodes) {
    const std::string number = std::to_string(static_cast<int>(code));
    text += std::string(5 - number.size(), ' ') + number + "  " + std::string(meaning) + "\n";
  }
  return text +
         "\n"
         "Examples:\n"
         "  signet token list\n"
         "  signet key generate root-a --token release --use tuf\n"
         "  signet tuf sign --repository example.com/app metadata/2.root.json\n"
         "  signet tuf verify metadata --root root.json\n";
}

}  // namespace signet::client
