// The frames: every field there and back, and everything that is no frame refused.
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "pkcs11/host_frame.h"
#include "tests/build_paths.h"

namespace signet::host {
namespace {

Secret secret(std::string_view text) {
  return Secret(text);
}

SlotDescription full_slot() {
  SlotDescription slot;
  slot.slot = 0x0102030405060708;
  slot.slot_description = "reader 0";
  slot.removable = slot.hardware = slot.present = true;
  slot.ckr = 0x80000001;
  slot.token = {"label", "serial"};
  slot.manufacturer = "maker";
  slot.model = "model";
  slot.initialised = slot.login_required = slot.user_pin_initialised = true;
  slot.user_pin_low = slot.user_pin_final = slot.user_pin_locked = true;
  slot.so_pin_low = slot.so_pin_final = slot.so_pin_locked = true;
  slot.protected_path = slot.write_protected = true;
  slot.min_pin = 0x01020304;
  slot.max_pin = 0xfffefdfc;
  return slot;
}

KeyObject full_key() {
  KeyObject key;
  key.spki = {1, 2, 3};
  key.algorithm = Algorithm::Ed25519;
  key.source = SpkiSource::PrivateKeyObject;
  key.id = {4, 5};
  key.label = "key";
  key.local = key.sensitive = true;
  key.extractable = false;
  key.always_sensitive = key.never_extractable = key.always_authenticate = true;
  return key;
}

// Every request with every field set.
std::vector<Request> full_requests() {
  std::vector<Request> all;
  all.emplace_back(HelloRequest{"configdir=/x"});
  all.emplace_back(ListTokensRequest{});
  all.emplace_back(OpenRequest{{"label", "serial"}});
  all.emplace_back(LoginRequest{secret("123456")});
  all.emplace_back(FindKeyRequest{{1, 2}, {3}, "label"});
  all.emplace_back(FindObjectsRequest{{1}, "label"});
  all.emplace_back(SignRequest{{1, 2}, {3}, "label", Mechanism::Eddsa, {9, 8, 7}, {{6}, {}, {5, 4}}});
  all.emplace_back(GenerateRequest{Algorithm::Rsa4096, "label", {1, 2}, secret("so-pin")});
  all.emplace_back(DestroyKeyRequest{{1, 2}});
  all.emplace_back(InitTokenRequest{77, {"old", "1"}, secret("so-pin"), "new"});
  all.emplace_back(InitPinRequest{77, {"old", "1"}, secret("so-pin"), secret("pin")});
  all.emplace_back(ListCertificatesRequest{});
  all.emplace_back(SetPinRequest{secret("old"), secret("new pin")});
  all.emplace_back(LogoutRequest{});
  all.emplace_back(ResetCardRequest{"reader 0"});
  all.emplace_back(CardTriesRequest{"reader 1"});
  all.emplace_back(UnblockCardRequest{"reader 2", secret("puk"), secret("pin")});
  all.emplace_back(CardKeyRequest{"reader 3", {1, 2, 3}});
  all.emplace_back(StoreCertificateRequest{{0x30, 0}, {1}, "label", true, secret("so-pin")});
  all.emplace_back(CardSlotRequest{"reader 4", 0x9c});
  all.emplace_back(HeldCardsRequest{});
  return all;
}

std::vector<Reply> full_replies() {
  std::vector<Reply> all;
  all.emplace_back(HelloReply{4711, Mode::Admin, 2, 40, 3, 1, "maker", "library", true});
  all.emplace_back(ListTokensReply{{full_slot(), SlotDescription{}}});
  all.emplace_back(OpenReply{full_slot()});
  all.emplace_back(LoginReply{true});
  all.emplace_back(FindKeyReply{full_key()});
  all.emplace_back(FindObjectsReply{{full_key(), KeyObject{}}, 3});
  all.emplace_back(SignReply{{1, 2, 3}, true, true, 61, {{4, 5}, {}}});
  all.emplace_back(GenerateReply{full_key()});
  all.emplace_back(DestroyKeyReply{});
  all.emplace_back(InitTokenReply{full_slot()});
  all.emplace_back(InitPinReply{full_slot()});
  all.emplace_back(ListCertificatesReply{{{{0x30, 0}, {1}, "label"}, CertificateObject{}}, 3});
  all.emplace_back(SetPinReply{});
  all.emplace_back(LogoutReply{});
  all.emplace_back(ResetCardReply{true});
  all.emplace_back(CardTriesReply{true, {true, 2, 3}, {true, 4, 5}});
  all.emplace_back(UnblockCardReply{});
  all.emplace_back(CardKeyReply{true, 0x9c, 3, 2, true});
  all.emplace_back(StoreCertificateReply{true});
  all.emplace_back(CardSlotReply{true, false, 3, true, false});
  all.emplace_back(HeldCardsReply{{{"reader 5"}, {""}}});
  return all;
}

Fault full_fault() {
  return {FaultKind::Module, 0x80001234, CkrClass::LoginAgain, "C_Sign", 0xfedcba98, "A sentence."};
}

struct Parts {
  FrameHeader header;
  BytesView body;
};
Parts split(const WipedBytes& frame) {
  const BytesView bytes(frame);
  return {decode_header(bytes.first(kHeaderSize)).value(), bytes.subspan(kHeaderSize)};
}

// The body of `frame` cut after `size` bytes, with a header that says so.
bool accepts_request(const FrameHeader& header, BytesView body) {
  FrameHeader changed = header;
  changed.length = static_cast<std::uint32_t>(body.size());
  return decode_request(changed, body).has_value();
}
bool accepts_reply(const FrameHeader& header, BytesView body) {
  FrameHeader changed = header;
  changed.length = static_cast<std::uint32_t>(body.size());
  return decode_reply(changed, body).has_value();
}

Bytes plus_one(BytesView body) {
  Bytes longer = to_bytes(body);
  longer.push_back(0);
  return longer;
}

TEST_CASE("Every request comes back as it was, and no part of it is a request") {
  for (const Request& request : full_requests()) {
    const auto frame = encode_request(0xa1b2c3d4, request).value();
    const auto [header, body] = split(frame);
    CAPTURE(std::string(frame_type_name(header.type)));
    CHECK(header.id == 0xa1b2c3d4);
    CHECK(header.type == request.index() + 1);
    const auto decoded = decode_request(header, body);
    REQUIRE(decoded.has_value());
    // The same bytes again: no field is lost, none is swapped (each has a value of its own).
    CHECK(encode_request(0xa1b2c3d4, *decoded).value() == frame);
    for (std::size_t size = 0; size < body.size(); ++size)
      CHECK_FALSE(accepts_request(header, body.first(size)));
    CHECK_FALSE(accepts_request(header, plus_one(body)));
    CHECK_FALSE(decode_request(header, plus_one(body)).has_value());  // longer than the header says
    CHECK_FALSE(decode_reply(header, body).has_value());
  }
}

TEST_CASE("Every reply comes back as it was, and no part of it is a reply") {
  for (const Reply& reply : full_replies()) {
    const auto frame = encode_reply(7, reply).value();
    const auto [header, body] = split(frame);
    CAPTURE(std::string(frame_type_name(header.type)));
    CHECK(header.type == (reply.index() + 1 + kReplyBit));
    const auto decoded = decode_reply(header, body);
    REQUIRE(decoded.has_value());
    CHECK(encode_reply(7, std::get<Reply>(*decoded)).value() == frame);
    for (std::size_t size = 0; size < body.size(); ++size)
      CHECK_FALSE(accepts_reply(header, body.first(size)));
    CHECK_FALSE(accepts_reply(header, plus_one(body)));
    CHECK_FALSE(decode_request(header, body).has_value());
  }
}

TEST_CASE("Fields keep their places") {
  const auto key = std::get<FindKeyReply>(std::get<Reply>([&] {
    const auto frame = encode_reply(1, FindKeyReply{full_key()}).value();
    const auto [header, body] = split(frame);
    return decode_reply(header, body).value();
  }()));
  CHECK(key.key.spki == Bytes{1, 2, 3});
  CHECK(key.key.algorithm == Algorithm::Ed25519);
  CHECK(key.key.id == Bytes{4, 5});
  CHECK(key.key.label == "key");
  CHECK(key.key.local);
  CHECK_FALSE(key.key.extractable);

  const auto frame =
      encode_request(1, InitPinRequest{77, {"old", "1"}, secret("so-pin"), secret("pin")}).value();
  const auto [header, body] = split(frame);
  const auto decoded = decode_request(header, body).value();
  const auto& init = std::get<InitPinRequest>(decoded);
  CHECK(init.slot == 77);
  CHECK(init.expected.label == "old");
  CHECK(init.expected.serial == "1");
  CHECK(init.so_pin.text() == "so-pin");
  CHECK(init.pin.text() == "pin");
}

TEST_CASE("Faults come back as they were; overlong texts are cut") {
  const auto frame = encode_fault(9, full_fault());
  const auto [header, body] = split(frame);
  CHECK(header.type == kFaultType);
  const auto decoded = decode_reply(header, body);
  REQUIRE(decoded.has_value());
  const Fault& fault = std::get<Fault>(*decoded);
  CHECK(fault.kind == FaultKind::Module);
  CHECK(fault.ckr == 0x80001234);
  CHECK(fault.klass == CkrClass::LoginAgain);
  CHECK(fault.call == "C_Sign");
  CHECK(fault.elapsed_ms == 0xfedcba98);
  CHECK(fault.detail == "A sentence.");
  for (std::size_t size = 0; size < body.size(); ++size) CHECK_FALSE(accepts_reply(header, body.first(size)));
  CHECK_FALSE(accepts_reply(header, plus_one(body)));

  Fault huge = full_fault();
  huge.detail.assign(kMaxBody * 2, 'x');
  huge.call.assign(kMaxBody * 2, 'y');
  const auto cut = encode_fault(9, huge);
  CHECK(split(cut).header.length <= kMaxBody);
}

TEST_CASE("The wire is what the specification says") {
  const auto frame =
      encode_request(0x01020304,
                     SignRequest{{0xaa}, {}, "k", Mechanism::RsaPssSha256, {0xbb, 0xcc}, {{0xdd}}})
          .value();
  const Bytes expected = {0, 0, 0, 30,              // length of the body
                          1, 7, 0, 0,               // version, Sign, reserved
                          1, 2, 3, 4,               // request id
                          0, 0, 0, 1,  0xaa,        // spki
                          0, 0, 0, 0,               // id
                          0, 0, 0, 1,  'k',         // label
                          2,                        // mechanism
                          0, 0, 0, 2,  0xbb, 0xcc,  // input
                          0, 0, 0, 1,               // further inputs
                          0, 0, 0, 1,  0xdd};
  CHECK(Bytes(frame.begin(), frame.end()) == expected);
}

TEST_CASE("Headers are checked byte by byte") {
  const auto header = [](std::vector<std::pair<std::size_t, std::uint8_t>> changes) {
    Bytes bytes = {0, 0, 0, 4, 1, 1, 0, 0, 0, 0, 0, 1};
    for (const auto& [place, value] : changes) bytes[place] = value;
    return decode_header(bytes);
  };
  REQUIRE(header({}).has_value());
  CHECK(header({})->length == 4);
  CHECK_FALSE(header({{4, 0}}).has_value());  // version
  CHECK_FALSE(header({{4, 2}}).has_value());
  CHECK_FALSE(header({{6, 1}}).has_value());  // reserved
  CHECK_FALSE(header({{7, 1}}).has_value());
  CHECK_FALSE(header({{5, 0}}).has_value());  // type
  CHECK_FALSE(header({{5, 22}}).has_value());
  CHECK_FALSE(header({{5, 0x80}}).has_value());
  CHECK_FALSE(header({{5, 0x96}}).has_value());
  CHECK_FALSE(header({{5, 0xfe}}).has_value());
  CHECK(header({{5, 11}}).has_value());
  CHECK(header({{5, 0x8b}}).has_value());
  CHECK(header({{5, 0xff}}).has_value());
  CHECK_FALSE(decode_header(Bytes(kHeaderSize - 1)).has_value());
  CHECK_FALSE(decode_header(Bytes(kHeaderSize + 1)).has_value());
}

TEST_CASE("Each body limit holds at its edge") {
  const auto header = [](std::uint8_t type, std::size_t length) {
    Bytes bytes = {0, 0, 0, 0, 1, type, 0, 0, 0, 0, 0, 1};
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
    return decode_header(bytes).has_value();
  };
  for (std::uint8_t type = 1; type <= 11; ++type) {
    CAPTURE(static_cast<int>(type));
    const std::size_t request_limit = type == 7 ? kMaxSignBody : kMaxBody;
    const std::size_t reply_limit = type == 2 || type == 6 ? kMaxListBody : kMaxBody;
    CHECK(header(type, request_limit));
    CHECK_FALSE(header(type, request_limit + 1));
    CHECK(header(type | kReplyBit, reply_limit));
    CHECK_FALSE(header(type | kReplyBit, reply_limit + 1));
  }
  CHECK(header(kFaultType, kMaxBody));
  CHECK_FALSE(header(kFaultType, kMaxBody + 1));
  CHECK_FALSE(header(7, 0xffffffff));
}

TEST_CASE("A Sign request of the largest size goes through, one byte more does not") {
  // spki, id, label, mechanism, the input's length, and how many further inputs there are.
  constexpr std::size_t kOther = 4 + 4 + 4 + 1 + 4 + 4;
  SignRequest request;
  request.input = Bytes(kMaxSignBody - kOther, 0x5a);
  const auto frame = encode_request(1, request);
  REQUIRE(frame.has_value());
  const auto [header, body] = split(*frame);
  CHECK(header.length == kMaxSignBody);
  CHECK(std::get<SignRequest>(decode_request(header, body).value()).input == request.input);
  request.input.push_back(0);
  CHECK_FALSE(encode_request(1, request).has_value());
  CHECK_FALSE(encode_request(1, LoginRequest{secret(std::string(kMaxBody, 'x'))}).has_value());
}

TEST_CASE("Lists have at most 1024 elements, either way") {
  ListTokensReply reply;
  reply.slots.resize(kMaxListLength);
  const auto frame = encode_reply(1, reply).value();
  const auto [header, body] = split(frame);
  CHECK(decode_reply(header, body).has_value());
  Bytes longer = to_bytes(body);
  longer[2] = 0x04;
  longer[3] = 0x01;  // 1025
  const Bytes element(longer.begin() + 4,
                      longer.begin() + 4 + static_cast<std::ptrdiff_t>((longer.size() - 4) / kMaxListLength));
  longer.insert(longer.end(), element.begin(), element.end());
  CHECK_FALSE(accepts_reply(header, longer));
  reply.slots.emplace_back();
  CHECK_FALSE(encode_reply(1, reply).has_value());
}

TEST_CASE("Booleans and enumerators have no other values") {
  const auto login = encode_reply(1, LoginReply{true}).value();
  const auto [login_header, login_body] = split(login);
  CHECK(accepts_reply(login_header, Bytes{0}));
  CHECK(accepts_reply(login_header, Bytes{1}));
  CHECK_FALSE(accepts_reply(login_header, Bytes{2}));
  CHECK_FALSE(accepts_reply(login_header, Bytes{255}));

  const auto generate = encode_request(1, GenerateRequest{Algorithm::Ed25519, "", {}}).value();
  const auto [header, body] = split(generate);
  Bytes changed = to_bytes(body);
  changed[0] = 6;
  CHECK_FALSE(accepts_request(header, changed));
  changed[0] = 255;
  CHECK_FALSE(accepts_request(header, changed));
}

// A fuzzer that begins with frames of another build finds less.
TEST_CASE("The fuzz corpus has a frame of every type, as it is now") {
  const auto seed = [](std::uint8_t type) {
    std::array<char, 8> name{};
    std::snprintf(name.data(), name.size(), "type-%02x", unsigned{type});
    std::ifstream file(test::source_dir() + "/tests/fuzz/corpus/host_frame/" + name.data(), std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  };
  for (std::size_t index = 1; index <= std::variant_size_v<Request>; ++index) {
    const auto type = static_cast<std::uint8_t>(index);
    CAPTURE(index);
    const Bytes request = seed(type), reply = seed(type | kReplyBit);
    REQUIRE_FALSE(request.empty());
    REQUIRE_FALSE(reply.empty());
    CHECK(accepts_request(FrameHeader{0, type, 7}, BytesView(request).subspan(1)));
    CHECK(accepts_reply(FrameHeader{0, static_cast<std::uint8_t>(type | kReplyBit), 7},
                        BytesView(reply).subspan(1)));
  }
}

TEST_CASE("Types have names") {
  CHECK(frame_type_name(1) == "Hello");
  CHECK(frame_type_name(11) == "InitPin");
  CHECK(frame_type_name(0x87) == "Sign");
  CHECK(frame_type_name(0xff) == "Fault");
  CHECK(frame_type_name(0) == "?");
  CHECK(frame_type_name(0x80) == "?");
  CHECK(frame_type_name(21) == "HeldCards");
  CHECK(frame_type_name(22) == "?");
}

}  // namespace
}  // namespace signet::host
