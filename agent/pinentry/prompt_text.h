// What stands in a prompt: the words of the agent around a difference, fit for every flavour of pinentry.
// Pure, thread safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace signet {

// A line of Assuan holds 1000 bytes, the command's name and the escapes included (libassuan cuts off what is
// longer, so we never give it more).
inline constexpr std::size_t kMaxPromptSize = 960;

struct ConfirmationPrompt {
  std::string question;  // "Sign root 14 of example.com/app with YubiKey 15835999?"; always shown whole if it
                         // has room
  std::string details;   // the difference, one change a line; this is what is cut
  std::string footer;    // who asks, where all of it can be read; always shown
};

// The description that pinentry shows: question, details and footer as paragraphs. Other people's names in it
// must have gone through display_name() already; here are escaped: control characters but line feeds (as
// "?"), and "<" and "&", which the Qt and GTK flavours take for mark-up (as \u{3c}, \u{26}). Its Assuan form
// is at most kMaxPromptSize bytes: the details are cut at a line's end, which is said.
std::string prompt_text(const ConfirmationPrompt& prompt);

// The argument of an Assuan command: "%", CR, LF and other control characters as %XX.
std::string assuan_escaped(std::string_view text);

}  // namespace signet
