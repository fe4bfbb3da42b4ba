#include "agent/pinentry/prompt_text.h"

#include <catch2/catch.hpp>

using namespace signet;

TEST_CASE("question, details and footer are paragraphs") {
  ConfirmationPrompt prompt;
  prompt.question = "Sign root 14 of example.com/app?";
  prompt.details = "root 13 → 14\n  threshold 2 → 2";
  prompt.footer = "Asked by uid 1000.";
  CHECK(prompt_text(prompt) ==
        "Sign root 14 of example.com/app?\n\nroot 13 → 14\n  threshold 2 → 2\n\nAsked by uid 1000.");
  prompt.details.clear();
  CHECK(prompt_text(prompt) == "Sign root 14 of example.com/app?\n\nAsked by uid 1000.");
  prompt.footer.clear();
  CHECK(prompt_text(prompt) == "Sign root 14 of example.com/app?");
}

TEST_CASE("nothing in a prompt is mark-up or moves a terminal's cursor") {
  ConfirmationPrompt prompt;
  prompt.question = "<b>Sign</b> &lt;\x1b[2J\r\u0085\xff?";
  CHECK(prompt_text(prompt) == R"(\u{3c}b>Sign\u{3c}/b> \u{26}lt;?[2J???)"
                               "?");
}

TEST_CASE("an Assuan argument is one line") {
  CHECK(assuan_escaped("100%\r\n→\t\x7f") == "100%25%0D%0A→%09%7F");
  CHECK(assuan_escaped("") == "");
}

TEST_CASE("a prompt has room up to its limit, then whole lines of details go") {
  ConfirmationPrompt prompt;
  prompt.question = "Sign?";
  prompt.footer = "Asked by uid 1000.";
  const std::size_t frame = assuan_escaped(prompt_text(prompt)).size() + assuan_escaped("\n\n").size();
  prompt.details = std::string(kMaxPromptSize - frame, 'x');
  CHECK(assuan_escaped(prompt_text(prompt)).size() == kMaxPromptSize);
  CHECK(prompt_text(prompt).find("not all changes") == std::string::npos);

  prompt.details += 'y';
  const std::string cut = prompt_text(prompt);
  CHECK(assuan_escaped(cut).size() <= kMaxPromptSize);
  CHECK(cut.ends_with("x\n… (not all changes have room here)\n\nAsked by uid 1000."));

  prompt.details.clear();
  for (int i = 0; i < 200; ++i) prompt.details += "+ target-" + std::to_string(i) + " 100%\n";
  const std::string lines = prompt_text(prompt);
  CHECK(assuan_escaped(lines).size() <= kMaxPromptSize);
  CHECK(lines.find(" 100%\n… (not all") != std::string::npos);  // at a line's end
}

TEST_CASE("details cannot push the footer out, nor an endless question both") {
  for (const char* piece : {"%", "→", "<", "\n", "x"}) {
    ConfirmationPrompt prompt;
    for (int i = 0; i < 2000; ++i) {
      prompt.question += piece;
      prompt.details += piece;
    }
    prompt.footer = "Asked by uid 1000.";
    const std::string text = prompt_text(prompt);
    CHECK(assuan_escaped(text).size() <= kMaxPromptSize);
    CHECK(text.ends_with("\n\nAsked by uid 1000."));
    prompt.footer = std::string(5000, 'f');
    CHECK(assuan_escaped(prompt_text(prompt)).size() <= kMaxPromptSize);
  }
}
