// The frames between signetd and signet-token-host: docs/host-protocol.md is the specification, this is its
// code.
//
// A frame is a header of kHeaderSize bytes and a body. Everything is big-endian; texts and bytes are a u32
// length and their content; lists are a u32 count and their elements; booleans are one byte, 0 or 1. Unknown
// types, versions and enumerators, trailing bytes and anything over a limit are refused: both ends are built
// together. Pure functions over bytes, thread safe. No I/O: sockets are in host_socket.h.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "pkcs11/ckr.h"
#include "protocol/bytes.h"
#include "protocol/secret.h"

namespace signet::host {

inline constexpr std::uint8_t kFrameVersion = 1;
inline constexpr std::size_t kHeaderSize =
    12;  // u32 body length, u8 version, u8 type, u16 zero, u32 request id
// Body limits, by type. Ed25519 signs the message itself: 16 MiB of metadata and room for the rest.
inline constexpr std::size_t kMaxSignBody = 20 * 1024 * 1024;
inline constexpr std::size_t kMaxListBody =
    1024 * 1024;                                    // replies of ListTokens, FindObjects and ListCertificates
inline constexpr std::size_t kMaxBody = 64 * 1024;  // everything else
inline constexpr std::size_t kMaxListLength = 1024;        // elements of a list
inline constexpr std::size_t kMaxCertificate = 16 * 1024;  // that is listed or stored

// Memory that may have held a PIN: wiped before it is freed, also when a vector grows out of it.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}
  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) {
    wipe_memory(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const WipingAllocator&) const { return true; }
};
using WipedBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;

// The order is that of signet::KeyAlgorithm, which this library must not depend on.
enum class Algorithm : std::uint8_t { EcdsaP256 = 0, EcdsaP384, Rsa2048, Rsa3072, Rsa4096, Ed25519 };
// The order is that of signet::TokenMechanism; inputs and outputs as stated there.
enum class Mechanism : std::uint8_t { Ecdsa = 0, RsaPkcs1, RsaPssSha256, Eddsa };
enum class Mode : std::uint8_t { Scout = 0, Token, Admin, Card };

// --- values ---

// A token's identity: label and serial with trailing blanks removed. Slot ids are not identity.
struct TokenIdentity {
  std::string label, serial;
  bool operator==(const TokenIdentity&) const = default;
};

struct SlotDescription {
  std::uint64_t slot = 0;
  std::string slot_description;
  bool removable = false;  // CKF_REMOVABLE_DEVICE
  bool hardware = false;   // CKF_HW_SLOT
  bool present = false;    // a token is in it; the rest is empty otherwise
  std::uint64_t ckr = 0;   // of C_GetSlotInfo or C_GetTokenInfo: not CKR_OK, the token does not answer
  TokenIdentity token;
  std::string manufacturer, model;  // trailing blanks removed
  bool initialised = false;
  bool login_required = false;
  bool user_pin_initialised = false;
  bool user_pin_low = false, user_pin_final = false, user_pin_locked = false;
  bool so_pin_low = false, so_pin_final = false, so_pin_locked = false;
  bool protected_path = false;  // the PIN is typed on the reader: log in with an empty PIN
  bool write_protected = false;
  std::uint32_t min_pin = 0, max_pin = 0;  // ulMinPinLen, ulMaxPinLen, in bytes; 0: the token does not say
};

// Where the public key of a private key object was read.
enum class SpkiSource : std::uint8_t { PublicKeyObject = 0, Certificate, PrivateKeyObject };

// A private key object and the module's word on it.
struct KeyObject {
  Bytes spki;  // DER SubjectPublicKeyInfo: minimal, named curve, uncompressed point
  Algorithm algorithm = Algorithm::EcdsaP256;
  SpkiSource source = SpkiSource::PublicKeyObject;
  Bytes id;           // CKA_ID
  std::string label;  // CKA_LABEL
  bool local = false, sensitive = false, extractable = true;
  bool always_sensitive = false, never_extractable = false, always_authenticate = false;
};

// --- requests, each with its reply ---

// The first request on every connection. The first one of the process loads the module and calls
// C_Initialize. Fault with call "dlopen", "C_GetFunctionList", "C_Initialize" or "C_GetInfo" otherwise.
struct HelloRequest {
  std::string init_args;  // CK_C_INITIALIZE_ARGS.pReserved; empty: NULL. Only the process's first one counts.
};
struct HelloReply {
  std::uint32_t pid = 0;
  Mode mode = Mode::Scout;
  std::uint8_t cryptoki_major = 0, cryptoki_minor = 0;
  std::uint8_t library_major = 0, library_minor = 0;
  std::string manufacturer, description;  // of the library
  bool single_session = false;            // CKR_CANT_LOCK: one thread at a time, keep to one connection
};

// All slots. Every mode. Works without a login.
struct ListTokensRequest {};
struct ListTokensReply {
  std::vector<SlotDescription> slots;
};

// Binds this connection to a token; its session is opened now and, after a failure, again on next use.
// Token and admin mode. FaultKind::TokenAbsent, Ambiguous (two tokens of that label and serial).
struct OpenRequest {
  TokenIdentity token;
};
struct OpenReply {
  SlotDescription slot;
};

// Logs the user in to the token, for all connections of this host. The PIN is sent to the token once, and
// kept for one re-login after a card reset; after CKR_PIN_INCORRECT it is forgotten.
struct LoginRequest {
  Secret pin;  // empty only for a token with protected_path
};
struct LoginReply {
  bool already = false;  // the token was logged in before: this PIN was NOT checked, and is not kept
};

// Looks for one private key by its public key; id and label are where to look first. FaultKind::KeyAbsent.
struct FindKeyRequest {
  Bytes spki;
  Bytes id;
  std::string label;
};
struct FindKeyReply {
  KeyObject key;
};

// All private keys that match; an empty id or label matches any. Keys whose public key cannot be read or is
// of no supported algorithm are counted in `skipped`.
struct FindObjectsRequest {
  Bytes id;
  std::string label;
};
struct FindObjectsReply {
  std::vector<KeyObject> keys;
  std::uint32_t skipped = 0;
};

// All certificate objects, whatever they are for. Those over kMaxCertificate bytes or without a value are
// counted in `skipped`.
struct CertificateObject {
  Bytes der;          // CKA_VALUE, as it is: nothing was checked
  Bytes id;           // CKA_ID
  std::string label;  // CKA_LABEL
};
struct ListCertificatesRequest {};
struct ListCertificatesReply {
  std::vector<CertificateObject> certificates;
  std::uint32_t skipped = 0;
};

// SignInit, Login(CONTEXT_SPECIFIC) where the key asks for it, Sign; the same for each further input, one
// after the other. The signatures are not verified here.
struct SignRequest {
  Bytes spki;
  Bytes id;
  std::string label;
  Mechanism mechanism = Mechanism::Ecdsa;
  Bytes input;
  std::vector<Bytes> further{};  // at most kMostFurtherInputs
};
struct SignReply {
  Bytes signature;               // raw, as the token gave it
  bool fresh_handle = false;     // first use of a newly found key handle in this session: verify it
  bool logged_in_again = false;  // the kept PIN was sent (and accepted) once more
  // Of the host's thread, for all of them: tells a token that is a program on this machine from one that is
  // waited for.
  std::uint32_t processor_us = 0;
  // Of the further inputs, up to the first one that failed: what is missing is asked for again, and gets its
  // fault then.
  std::vector<Bytes> further{};
};
// So that a reply stays within kMaxBody (RSA-4096: 512 bytes a signature).
inline constexpr std::size_t kMostFurtherInputs = 63;

// Admin mode only, after Open and Login. An empty id: the host makes a random one of 16 bytes.
// FaultKind::KeyExists if the id is in use; FaultKind::Attributes if the token made another key than asked:
// it is destroyed then. With so_pin no Login comes before: the security officer makes a key in the PIV slot
// that the id names (pkcs11/host_piv_slot.h), as ykcs11 has it. KeyExists then also if a certificate has the
// id, or the card says that the slot has a key; nothing can be destroyed there.
struct GenerateRequest {
  Algorithm algorithm = Algorithm::EcdsaP256;
  std::string label;
  Bytes id;
  Secret so_pin{};  // empty: as the user
};
struct GenerateReply {
  KeyObject key;
};

// Admin mode only, after Open and Login: destroys the private key and its public key object.
// FaultKind::KeyAbsent.
struct DestroyKeyRequest {
  Bytes spki;
};
struct DestroyKeyReply {};

// Admin mode only. ERASES the token in `slot`. It must be the expected one (both texts empty for a blank
// token that reports none), else FaultKind::TokenAbsent. No connection may have a session with it.
struct InitTokenRequest {
  std::uint64_t slot = 0;
  TokenIdentity expected;
  Secret so_pin;
  std::string label;  // at most 32 bytes
};
struct InitTokenReply {
  SlotDescription slot;  // as it is now
};

// Admin mode only: sets the user PIN, as the security officer.
struct InitPinRequest {
  std::uint64_t slot = 0;
  TokenIdentity expected;
  Secret so_pin, pin;
};
struct InitPinReply {
  SlotDescription slot;
};

// Admin mode only, after Open: changes the user PIN (C_SetPIN). Sends the old one once.
struct SetPinRequest {
  Secret old_pin, new_pin;
};
struct SetPinReply {};

// Token mode, after Open: logs the token out for all connections of this host and wipes the kept PIN. For
// hosts that serve other tokens besides; that a card forgets is ResetCard's work.
struct LogoutRequest {};
struct LogoutReply {};

// Card mode only: it loads no module. pkcs11/card.h has the contracts.
struct ResetCardRequest {
  std::string reader;  // SlotDescription::slot_description
};
struct ResetCardReply {
  bool there = false;
};
struct Tries {
  bool known = false;
  std::uint32_t left = 0;
  std::uint32_t full = 0;  // left, when none was wrong; 0: the card does not say
};
struct CardTriesRequest {
  std::string reader;
};
struct CardTriesReply {
  bool is_piv = false;
  Tries pin, puk;
};
inline constexpr const char* kUnblockCall = "RESET RETRY COUNTER";  // Fault::call where the card refuses
struct UnblockCardRequest {
  std::string reader;
  Secret puk, pin;
};
struct UnblockCardReply {};
struct CardKeyRequest {
  std::string reader;
  Bytes spki;  // of the key that is looked for
};
// The policies by Yubico's numbers (protocol/key_attestation.h has their names).
struct CardKeyReply {
  bool known = false;  // the card has the key, and says so
  std::uint8_t slot = 0;
  std::uint8_t pin_policy = 0, touch_policy = 0;
  bool generated = false;  // on the card; else it was imported
};
struct CardSlotRequest {
  std::string reader;
  std::uint8_t slot = 0;  // PIV's name of it, e.g. 0x9C
};
struct CardSlotReply {
  bool known = false;                     // the card says so; nothing below holds otherwise
  bool occupied = false;                  // the slot has a key
  std::uint8_t management_algorithm = 0;  // kTripleDes or an AES
  bool management_touch = false;          // its use wants a touch
  bool management_behind_pin = false;     // nobody knows it: the card has it, and gives it for the PIN
};
inline constexpr std::uint8_t kTripleDes = 0x03;  // SP 800-78-4, table 6-2
struct HeldCardsRequest {};
struct HeldCard {
  std::string reader;  // PC/SC's name of it
};
struct HeldCardsReply {
  std::vector<HeldCard> cards;
};

// Admin mode only, after Open: writes a certificate object (pkcs11/certificate_store.h). With so_pin the
// security officer logs in for it; without, Login comes before, where the token wants one.
// FaultKind::KeyExists: another one has this CKA_ID and `replace` is not set; Attributes: the token does not
// give back what was written.
struct StoreCertificateRequest {
  Bytes der;
  Bytes id;           // CKA_ID of its key
  std::string label;  // CKA_LABEL
  bool replace = false;
  Secret so_pin;  // empty: as the user
};
struct StoreCertificateReply {
  bool replaced = false;  // another one
};

// --- faults ---

enum class FaultKind : std::uint8_t {
  Cryptoki = 0,  // a Cryptoki call failed: ckr and call tell which
  TokenAbsent,   // no such token in any slot
  Ambiguous,     // several tokens, or several keys, fit
  KeyAbsent,     // no such private key: if login_required is set on the token, it may be hidden until Login
  KeyExists,
  Attributes,  // a generated key is not what was asked for
  Protocol,    // the request does not fit the mode or the state (not open, wrong mode, malformed)
  Module,      // the module could not be loaded (call "dlopen" or "C_GetFunctionList")
  Card,        // Card mode: PC/SC failed; call is its function, ckr its code
};

// The one reply of a request that failed.
struct Fault {
  FaultKind kind = FaultKind::Cryptoki;
  std::uint64_t ckr = 0;             // Cryptoki only
  CkrClass klass = CkrClass::Fatal;  // what to do about it
  std::string call;                  // e.g. "C_Sign"
  std::uint32_t elapsed_ms =
      0;               // how long that call took: CKR_USER_NOT_LOGGED_IN after seconds is a missed touch
  std::string detail;  // a sentence for people; never a secret
};

// --- frames ---

// The variants' index + 1 is the type byte (replies: with the top bit set), so alternatives are only ever
// appended.
using Request = std::variant<HelloRequest, ListTokensRequest, OpenRequest, LoginRequest, FindKeyRequest,
                             FindObjectsRequest, SignRequest, GenerateRequest, DestroyKeyRequest,
                             InitTokenRequest, InitPinRequest, ListCertificatesRequest, SetPinRequest,
                             LogoutRequest, ResetCardRequest, CardTriesRequest, UnblockCardRequest,
                             CardKeyRequest, StoreCertificateRequest, CardSlotRequest, HeldCardsRequest>;
using Reply =
    std::variant<HelloReply, ListTokensReply, OpenReply, LoginReply, FindKeyReply, FindObjectsReply,
                 SignReply, GenerateReply, DestroyKeyReply, InitTokenReply, InitPinReply,
                 ListCertificatesReply, SetPinReply, LogoutReply, ResetCardReply, CardTriesReply,
                 UnblockCardReply, CardKeyReply, StoreCertificateReply, CardSlotReply, HeldCardsReply>;
inline constexpr std::uint8_t kReplyBit = 0x80;
inline constexpr std::uint8_t kFaultType = 0xff;

struct FrameHeader {
  std::uint32_t length = 0;  // of the body
  std::uint8_t type = 0;
  std::uint32_t id = 0;  // a reply has its request's
};

struct FrameError {
  std::string why;
};
[[noreturn]] void throw_exception_from_error(const FrameError& error, const boost::source_location& location);
template <typename T>
using FrameResult = boost::system::result<T, FrameError>;

// Header and body in one piece, ready to be written. A body over its limit is an error.
FrameResult<WipedBytes> encode_request(std::uint32_t id, const Request& request);
FrameResult<WipedBytes> encode_reply(std::uint32_t id, const Reply& reply);
WipedBytes encode_fault(std::uint32_t id, const Fault& fault);  // an overlong detail is cut

// Exactly kHeaderSize bytes. An error leaves the stream unusable: close it.
FrameResult<FrameHeader> decode_header(BytesView header);
// The body that `header` announced: exactly header.length bytes.
FrameResult<Request> decode_request(const FrameHeader& header, BytesView body);
// A reply, or the fault that came in its place.
FrameResult<std::variant<Reply, Fault>> decode_reply(const FrameHeader& header, BytesView body);

// The type's name for logs, e.g. "Sign"; "?" for none.
std::string_view frame_type_name(std::uint8_t type);

}  // namespace signet::host
