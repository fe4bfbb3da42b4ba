#include "client/command/batch_signing.h"

#include <algorithm>

#include "client/command/describe.h"
#include "client/command/message_input.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

// Quotes, commas and padding of one element, beside its base64.
constexpr std::size_t kOverhead = 8;

// What came of one file.
struct SignedFile {
  std::string file;
  std::optional<std::string> output;
  std::optional<Bytes> signature;
  std::optional<Error> fault;
};

Result<BatchSignatures> sign_call(Session& session, const FilesToSign& wanted,
                                  std::span<const FileToSign> files, Waiting waiting) {
  SignMessagesCall call;
  call.key = wanted.key;
  call.scheme = wanted.scheme;
  auto& contents = wanted.digests ? call.digests : call.messages;
  for (const FileToSign& file : files) contents.push_back(file.content);
  auto agent = session.agent();
  if (!agent) return agent.error();
  return session.with_pin([&] { return (*agent)->sign_messages(call, session.events(waiting)); });
}

SignedFile keep(const FilesToSign& wanted, const FileToSign& file, BatchedSignature made) {
  SignedFile done;
  done.file = file.file;
  done.fault = std::move(made.fault);
  if (!made.signature) return done;
  const std::string output = file.file + ".sig";
  const std::string text =
      wanted.raw ? std::string(as_text(*made.signature)) : to_base64(*made.signature) + "\n";
  if (auto written = write_file(output, text, Existing::Replace); !written) {
    done.fault = written.error();
    return done;
  }
  done.output = output;
  done.signature = std::move(made.signature);
  return done;
}

boost::json::object to_json(const SignedFile& done) {
  boost::json::object json{
      {"file", done.file}, {"output", nullptr}, {"signature", nullptr}, {"fault", nullptr}};
  if (done.output) json["output"] = *done.output;
  if (done.signature) json["signature"] = to_base64(*done.signature);
  if (done.fault) json["fault"] = fault_json(*done.fault);
  return json;
}

Outcome outcome_of(const std::vector<SignedFile>& all, const std::string& scheme) {
  boost::json::array results;
  std::string text, failures;
  std::size_t count = 0;
  const Error* first_fault = nullptr;
  for (const SignedFile& done : all) {
    results.push_back(to_json(done));
    if (done.output) ++count;
    if (!done.fault) continue;
    if (first_fault == nullptr) first_fault = &*done.fault;
    failures += printable(done.file) + " is NOT signed: " + printable(done.fault->message) + "\n";
  }
  text = std::to_string(count) + " of " + std::to_string(all.size()) + " signatures (" + printable(scheme) +
         ") are written, each beside its file, as FILE.sig.\n" + failures;
  boost::json::object json;
  json["scheme"] = scheme;
  json["results"] = std::move(results);
  Outcome outcome(std::move(text), std::move(json));
  if (first_fault != nullptr) outcome.exit_code = exit_code(*first_fault);
  return outcome;
}

// None of these was signed.
void fail_all(std::vector<SignedFile>& all, std::span<const FileToSign> files, const Error& error) {
  for (const FileToSign& file : files) {
    SignedFile failed;
    failed.file = file.file;
    failed.fault = error;
    all.push_back(std::move(failed));
  }
}

}  // namespace

std::size_t call_size(std::span<const FileToSign> files) {
  std::size_t count = 0, bytes = 0;
  for (const FileToSign& file : files.first(std::min(files.size(), kMostInBatch))) {
    bytes += file.content.size() + kOverhead;
    if (count > 0 && bytes > kMaxMessageSize) break;
    ++count;
  }
  return count;
}

Result<Outcome> sign_files(Session& session, const FilesToSign& wanted, Waiting waiting) {
  std::vector<SignedFile> all;
  std::string scheme;
  std::span<const FileToSign> left(wanted.files);
  while (!left.empty()) {
    const auto files = left.first(call_size(left));
    left = left.subspan(files.size());
    auto made = sign_call(session, wanted, files, waiting);
    if (!made && all.empty()) return made.error();
    if (!made) {
      fail_all(all, files, made.error());
      continue;
    }
    scheme = made->scheme;
    for (std::size_t index = 0; index < files.size(); ++index)
      all.push_back(keep(wanted, files[index], std::move(made->results[index])));
  }
  return outcome_of(all, scheme);
}

}  // namespace signet::client
