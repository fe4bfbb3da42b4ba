#include <algorithm>
#include <cctype>
#include <optional>
#include <stdexcept>
#include <utility>

#include "protocol/idl.h"

namespace signet {
namespace {

// --- words and marks ---

struct Token {
  std::string_view text;  // a word, "->" or one character; empty at the end
  std::size_t line = 1;
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { advance(); }

  const Token& peek() const { return token_; }
  Token take() {
    const Token taken = token_;
    advance();
    return taken;
  }

 private:
  void skip_space_and_comments() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        line_ += c == '\n' ? 1U : 0U;
        ++at_;
      } else {
        return;
      }
    }
  }
  void advance() {
    skip_space_and_comments();
    std::size_t size = at_ < text_.size() ? 1 : 0;
    if (text_.substr(at_, 2) == "->") {
      size = 2;
    } else if (size == 1 && is_word(text_[at_])) {
      while (at_ + size < text_.size() && is_word(text_[at_ + size])) ++size;
    }
    token_ = Token{text_.substr(at_, size), line_};
    at_ += size;
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1;
  Token token_;
};

// --- the grammar ---

bool is_field_name(std::string_view word) {
  return !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0 &&
         word.find_first_of(".-") == std::string_view::npos;
}
bool is_type_name(std::string_view word) {
  return is_field_name(word) && std::isupper(static_cast<unsigned char>(word[0])) != 0 &&
         word.find('_') == std::string_view::npos;
}
// Reverse-domain: at least two parts, the first begins with a letter, none is empty or begins or ends with
// "-".
bool is_interface_name(std::string_view word) {
  if (word.empty() || std::isalpha(static_cast<unsigned char>(word[0])) == 0) return false;
  if (word.find('_') != std::string_view::npos || word.find('.') == std::string_view::npos) return false;
  char before = '.';
  for (const char c : word) {
    if ((before == '.' && (c == '.' || c == '-')) || (before == '-' && c == '.')) return false;
    before = c;
  }
  return before != '.' && before != '-';
}

constexpr int kMaxTypeDepth = 16;

// Recursive descent. The first error is kept, later steps do nothing.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) { out_.text = std::string(text); }

  Result<IdlInterface> parse() {
    expect("interface");
    out_.name = word("the interface's name", is_interface_name);
    while (!error_ && !lexer_.peek().text.empty()) member();
    if (!error_) check_named_types();
    if (error_) return *error_;
    return std::move(out_);
  }

 private:
  void fail(const std::string& what, std::size_t line) {
    if (error_) return;
    error_ = Error(ErrorName::MetadataInvalid,
                   "The interface definition is wrong at line " + std::to_string(line) + ": " + what + ".",
                   {{"where", "line " + std::to_string(line)}, {"why", "idl"}});
  }
  void fail(const std::string& what) { fail(what, lexer_.peek().line); }
  bool accept(std::string_view text) {
    if (error_ || lexer_.peek().text != text) return false;
    lexer_.take();
    return true;
  }
  void expect(std::string_view text) {
    if (accept(text)) return;
    fail("\"" + std::string(text) + "\" is expected, not \"" + std::string(lexer_.peek().text) + "\"");
  }
  std::string word(const std::string& what, bool (*fits)(std::string_view)) {
    if (!error_ && fits(lexer_.peek().text)) return std::string(lexer_.take().text);
    fail(what + " is expected, not \"" + std::string(lexer_.peek().text) + "\"");
    return {};
  }

  void member() {
    if (accept("type")) return type_member();
    if (accept("method")) return method_member();
    if (accept("error")) return error_member();
    fail("\"type\", \"method\" or \"error\" is expected");
  }
  std::string new_name() {
    std::string name = word("a name", is_type_name);
    if (out_.types.contains(name) || out_.methods.contains(name) || out_.errors.contains(name))
      fail("\"" + name + "\" is defined twice");
    return name;
  }
  void type_member() {
    std::string name = new_name();
    out_.types.emplace(std::move(name), fields_or_symbols(0));
  }
  void method_member() {
    std::string name = new_name();
    IdlMethod method;
    method.parameters = fields(0);
    expect("->");
    method.reply = fields(0);
    out_.methods.emplace(std::move(name), std::move(method));
  }
  void error_member() {
    std::string name = new_name();
    out_.errors.emplace(std::move(name), fields(0));
  }

  std::vector<IdlField> fields(int depth) {
    const std::size_t line = lexer_.peek().line;
    IdlType type = fields_or_symbols(depth);
    if (type.kind == IdlType::Kind::Enum) fail("fields are expected, \"name: type\"", line);
    return std::move(type.fields);
  }
  // "(a, b)" is an enum, "(a: int)" and "()" are structs; the first comma or colon tells.
  IdlType fields_or_symbols(int depth) {
    IdlType type;
    type.kind = IdlType::Kind::Struct;
    expect("(");
    if (depth > kMaxTypeDepth) fail("the types nest too deep");
    if (error_ || accept(")")) return type;
    bool first = true;
    do {
      std::string name = word("a field's name", is_field_name);
      if (first && lexer_.peek().text != ":") type.kind = IdlType::Kind::Enum;
      first = false;
      element(type, std::move(name), depth);
    } while (accept(","));
    expect(")");
    return type;
  }
  void element(IdlType& into, std::string name, int depth) {
    if (into.kind == IdlType::Kind::Enum) {
      if (std::find(into.symbols.begin(), into.symbols.end(), name) != into.symbols.end())
        fail("\"" + name + "\" stands twice");
      into.symbols.push_back(std::move(name));
      return;
    }
    for (const IdlField& field : into.fields)
      if (field.name == name) fail("the field \"" + name + "\" stands twice");
    expect(":");
    IdlField field;
    field.name = std::move(name);
    field.type = type(depth + 1);
    into.fields.push_back(std::move(field));
  }
  IdlType type(int depth) {
    if (depth > kMaxTypeDepth) fail("the types nest too deep");
    if (accept("?")) {
      if (lexer_.peek().text == "?") fail("a type is nullable once");
      return wrap(IdlType::Kind::Nullable, depth);
    }
    if (!accept("[")) return plain_type(depth);
    if (accept("]")) return wrap(IdlType::Kind::Array, depth);
    expect("string");
    expect("]");
    return wrap(IdlType::Kind::Map, depth);
  }
  IdlType wrap(IdlType::Kind kind, int depth) {
    IdlType outer;
    outer.kind = kind;
    if (!error_) outer.element = std::make_shared<const IdlType>(type(depth + 1));
    return outer;
  }
  IdlType plain_type(int depth) {
    static const std::map<std::string_view, IdlType::Kind> kPlain{{"bool", IdlType::Kind::Bool},
                                                                  {"int", IdlType::Kind::Int},
                                                                  {"float", IdlType::Kind::Float},
                                                                  {"string", IdlType::Kind::String},
                                                                  {"object", IdlType::Kind::Object}};
    if (lexer_.peek().text == "(") return fields_or_symbols(depth);
    IdlType type;
    const std::size_t line = lexer_.peek().line;
    std::string name = word("a type", is_field_name);
    if (const auto plain = kPlain.find(name); plain != kPlain.end()) {
      type.kind = plain->second;
      return type;
    }
    type.kind = IdlType::Kind::Named;
    used_.emplace_back(name, line);
    type.name = std::move(name);
    return type;
  }
  void check_named_types() {
    for (const auto& [name, line] : used_)
      if (!out_.types.contains(name)) fail("the type \"" + name + "\" is not defined", line);
  }

  Lexer lexer_;
  IdlInterface out_;
  std::optional<Error> error_;
  std::vector<std::pair<std::string, std::size_t>> used_;  // named types and the lines that name them
};

IdlInterface parse_own(std::string_view text) {
  Result<IdlInterface> parsed = parse_idl(text);
  if (!parsed) throw std::logic_error("our own interface definition: " + parsed.error().message);
  return std::move(*parsed);
}

}  // namespace

Result<IdlInterface> parse_idl(std::string_view text) {
  return Parser(text).parse();
}

const IdlInterface& agent_idl() {
  static const IdlInterface parsed = parse_own(agent_idl_text());
  return parsed;
}

const IdlInterface& service_idl() {
  static const IdlInterface parsed = parse_own(service_idl_text());
  return parsed;
}

}  // namespace signet
