// Reading: Boost.JSON's tokeniser, and a handler of our own that builds the value. Boost's own builder would
// accept what two readers can understand differently: duplicate keys, numbers that do not fit, "-0".
#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <vector>

#include "protocol/canonical_json.h"
#include "protocol/json_text.h"
#include "protocol/metadata_error.h"

namespace signet {
namespace {

namespace json = boost::json;

struct Refusal {
  std::string_view why;
  std::string_view message;  // what is wrong and how to mend it
};

constexpr Refusal kSyntax{"syntax",
                          "this is not JSON (RFC 8259). Write the document again with a JSON library"};
constexpr Refusal kTrailingBytes{"trailing-bytes", "something follows the document. Remove it"};
constexpr Refusal kDepth{"depth", "values are nested more than 16 deep. Flatten the document"};
constexpr Refusal kDuplicateKey{"duplicate-key", "a key occurs twice in one object. Write each key once"};
constexpr Refusal kNonBmpKey{
    "non-bmp-key", "a key holds a character above U+FFFF, which readers sort differently. Use another key"};
constexpr Refusal kFloat{"float", "a number has a fraction or an exponent. Only integers can be signed"};
constexpr Refusal kIntegerRange{"integer-range", "an integer is beyond 2^53. Not every reader can hold it"};
constexpr Refusal kNegativeZero{"negative-zero", "a number is -0, which readers write back as 0. Write 0"};
constexpr Refusal kInvalidUtf8{"invalid-utf8", "a string is not UTF-8. Encode the document as UTF-8"};
constexpr Refusal kControlCharacter{"control-character",
                                    "a string holds a control character (raw or escaped). Remove it"};
constexpr Refusal kLoneSurrogate{"lone-surrogate",
                                 "a \\u escape is half of a surrogate pair. Write both halves"};
constexpr Refusal kNotCanonical{
    "not-canonical", "the canonical form has another byte here. Sign the canonical JSON of \"signed\""};

Error refuse(std::size_t offset, const Refusal& refusal) {
  const std::string where = "@" + std::to_string(offset);
  return metadata_invalid(where, refusal.why,
                          "The JSON document is refused at byte " + std::to_string(offset) + ": " +
                              std::string(refusal.message) + ".");
}

const Refusal& refusal_of(TextFault fault) {
  switch (fault) {
    case TextFault::InvalidUtf8:
      return kInvalidUtf8;
    case TextFault::ControlCharacter:
      return kControlCharacter;
    case TextFault::LoneSurrogate:
      return kLoneSurrogate;
    case TextFault::WhiteSpace:
      break;
  }
  return kNotCanonical;
}

const Refusal& refusal_of(const json::error_code& code) {
  if (code == json::error::too_deep) return kDepth;
  if (code == json::error::extra_data) return kTrailingBytes;
  if (code == json::error::exponent_overflow) return kFloat;
  return kSyntax;
}

// Builds the value from the tokeniser's events. Only ever fed a whole document in one piece, so that no token
// comes in parts except strings with escapes. After a call returned false, `refusal` says why.
class StrictHandler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  const Refusal* refusal = nullptr;
  const char* number_begin = nullptr;  // the number that was refused; otherwise a key was
  json::value root;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return open(json::object()); }
  bool on_object_end(std::size_t, json::error_code&) { return close(); }
  bool on_array_begin(json::error_code&) { return open(json::array()); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) { return take_key(part, ec); }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code&) { return take_string(part); }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t i, json::string_view text, json::error_code& ec) {
    return take_integer(i, text, ec);
  }
  bool on_uint64(std::uint64_t, json::string_view text, json::error_code& ec) {
    return refuse_number(kIntegerRange, text, ec);
  }
  bool on_double(double, json::string_view text, json::error_code& ec) {
    const bool integer = text.find_first_of(".eE") == json::string_view::npos;
    return refuse_number(integer ? kIntegerRange : kFloat, text, ec);
  }
  bool on_bool(bool b, json::error_code&) { return add(json::value(b)); }
  bool on_null(json::error_code&) { return add(json::value(nullptr)); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  struct Frame {
    json::value container;
    json::value* slot = nullptr;  // where the value of the key that was just read goes
  };

  bool append(json::string_view part) {
    partial_.append(part.data(), part.size());
    return true;
  }

  bool open(json::value container) {
    frames_[depth_].container = std::move(container);
    ++depth_;
    return true;
  }

  bool close() {
    --depth_;
    return add(std::move(frames_[depth_].container));
  }

  bool add(json::value&& value) {
    if (depth_ == 0) {
      root = std::move(value);
      return true;
    }
    Frame& frame = frames_[depth_ - 1];
    if (frame.container.is_array())
      frame.container.get_array().push_back(std::move(value));
    else
      *frame.slot = std::move(value);
    return true;
  }

  bool take_key(json::string_view part, json::error_code& ec) {
    if (!partial_.empty()) {
      append(part);
      part = partial_;
    }
    // In UTF-8 a character above U+FFFF, and nothing else, has a byte from 0xf0 up.
    const bool beyond_bmp =
        std::any_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xf0; });
    if (beyond_bmp) return stop(kNonBmpKey, ec);
    if (part.find(kLineFeed) != json::string_view::npos) return stop(kControlCharacter, ec);
    Frame& frame = frames_[depth_ - 1];
    const auto [member, fresh] = frame.container.get_object().emplace(part, nullptr);
    if (!fresh) return stop(kDuplicateKey, ec);
    frame.slot = &member->value();
    partial_.clear();
    return true;
  }

  bool take_string(json::string_view part) {
    if (partial_.empty()) return add(json::value(part));
    append(part);
    json::value whole(partial_);
    partial_.clear();
    return add(std::move(whole));
  }

  bool take_integer(std::int64_t i, json::string_view text, json::error_code& ec) {
    if (i > kMaxJsonInteger || i < -kMaxJsonInteger) return refuse_number(kIntegerRange, text, ec);
    if (i == 0 && text.starts_with('-')) return refuse_number(kNegativeZero, text, ec);
    return add(json::value(i));
  }

  bool refuse_number(const Refusal& why, json::string_view text, json::error_code& ec) {
    number_begin = text.data();
    return stop(why, ec);
  }

  bool stop(const Refusal& why, json::error_code& ec) {
    refusal = &why;
    ec = json::make_error_code(json::error::syntax);
    return false;
  }

  std::array<Frame, kMaxJsonDepth> frames_;
  std::size_t depth_ = 0;
  std::string partial_;
};

// The opening quote of the string whose closing quote is the last one at or before `stop`.
std::size_t string_begin(std::string_view text, std::size_t stop) {
  std::size_t close = std::min(stop, text.size() - 1);
  while (close > 0 && text[close] != '"') --close;
  std::size_t open = close;
  while (open > 0) {
    --open;
    if (text[open] != '"') continue;
    std::size_t backslashes = 0;
    while (backslashes < open && text[open - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return open;
  }
  return open;
}

using StrictParser = json::basic_parser<StrictHandler>;

// Feeds `text`; raw line feeds inside strings reach the tokeniser as the escapes that RFC 8259 asks for.
// Returns how many bytes of `text` were taken.
std::size_t feed(StrictParser& parser, std::string_view text, LineFeeds raw_line_feeds,
                 json::error_code& code) {
  std::size_t begin = 0;
  while (raw_line_feeds == LineFeeds::Allowed && !code) {
    const std::size_t end = text.find(kLineFeed, begin);
    if (end == std::string_view::npos) break;
    const std::size_t taken = parser.write_some(true, text.data() + begin, end - begin, code);
    if (code || taken < end - begin) return begin + taken;
    parser.write_some(true, "\\n", 2, code);
    if (code) return end;
    begin = end + 1;
  }
  return begin + parser.write_some(false, text.data() + begin, text.size() - begin, code);
}

Result<json::value> parse(std::string_view text, std::size_t max_size, LineFeeds raw_line_feeds) {
  if (text.size() > max_size) {
    return metadata_invalid("@" + std::to_string(max_size), "size",
                            "The JSON document has " + std::to_string(text.size()) + " bytes; at most " +
                                std::to_string(max_size) + " are read. Split or shorten it.");
  }
  if (const auto problem = find_json_text_fault(text, raw_line_feeds))
    return refuse(problem->offset, refusal_of(problem->fault));

  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  StrictParser parser(options);
  json::error_code code;
  const std::size_t consumed = feed(parser, text, raw_line_feeds, code);
  StrictHandler& handler = parser.handler();
  if (handler.refusal != nullptr) {
    const std::size_t offset = handler.number_begin != nullptr
                                   ? static_cast<std::size_t>(handler.number_begin - text.data())
                                   : string_begin(text, consumed);
    return refuse(offset, *handler.refusal);
  }
  if (code) return refuse(consumed, refusal_of(code));
  if (consumed < text.size()) return refuse(consumed, kTrailingBytes);
  return std::move(handler.root);
}

}  // namespace

Result<json::value> parse_strict_json(std::string_view text, std::size_t max_size) {
  return parse(text, max_size, LineFeeds::Refused);
}

Result<json::value> parse_canonical_json(std::string_view text, std::size_t max_size) {
  auto value = parse(text, max_size, LineFeeds::Allowed);
  if (!value) return value;
  const auto canonical = canonical_json(*value);
  if (!canonical) return canonical.error();
  if (*canonical == text) return value;
  const auto difference = std::mismatch(text.begin(), text.end(), canonical->begin(), canonical->end());
  return refuse(static_cast<std::size_t>(difference.first - text.begin()), kNotCanonical);
}

}  // namespace signet
