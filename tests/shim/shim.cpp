// A PKCS#11 module that forwards to another one and does as its control file says: delays, fails, hangs,
// crashes at any call (rules.h), and counts them all. For tests only.
//
//   SIGNET_SHIM_MODULE    the real module
//   SIGNET_SHIM_CONTROL   the control file, read anew at each call; none: no rules
//   SIGNET_SHIM_COUNTERS  the counters' file (counters.h)
//   SIGNET_SHIM_LOG       one line for each C_Login: process, user type, length and FNV-1a hash of the PIN,
//   result
//
// As thread safe as the real module: nothing here changes after the first C_GetFunctionList but atomic
// counters.
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <thread>
#include <tuple>

#include "tests/shim/calls.h"
#include "tests/shim/counters.h"
#include "tests/shim/rules.h"

namespace signet::shim {

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Shim {
  const std::string control = setting("SIGNET_SHIM_CONTROL");
  const std::string log = setting("SIGNET_SHIM_LOG");
  Counters* counters = nullptr;
  CK_FUNCTION_LIST* real = nullptr;
  CK_FUNCTION_LIST ours{};

  Shim();
};

#define SIGNET_SHIM_ENUMERATOR(name) name,
enum class Call : std::size_t { SIGNET_SHIM_CALLS(SIGNET_SHIM_ENUMERATOR) };
#undef SIGNET_SHIM_ENUMERATOR

Shim& shim() {
  static Shim instance;
  return instance;
}

std::string read_file(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  ::close(fd);
  return text;
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

[[noreturn]] void crash() {
  std::signal(SIGSEGV, SIG_DFL);  // no sanitizer in between
  std::raise(SIGSEGV);
  std::abort();
}

// Counts the call and lets it wait, hang or crash. What is to be done with its outcome comes back.
Rule before(Call index) {
  const auto place = static_cast<std::size_t>(index);
  const std::string call(call_name(place));
  const std::uint64_t count = ++shim().counters->calls[place];
  Rule nothing;
  nothing.action = Action::Delay;
  const std::string control = read_file(shim().control);
  if (control.empty()) return nothing;
  const auto rules = parse_rules(control);
  if (!rules) {
    std::fprintf(stderr, "signet-fault-shim: %s has a line that cannot be read\n", shim().control.c_str());
    Rule failing;
    failing.argument = CKR_GENERAL_ERROR;
    return failing;
  }
  for (const Rule& rule : matching_rules(*rules, call, count)) {
    if (rule.action == Action::Delay)
      std::this_thread::sleep_for(std::chrono::milliseconds(rule.argument));
    else if (rule.action == Action::Hang)
      hang();
    else if (rule.action == Action::Crash)
      crash();
    else
      return rule;
  }
  return nothing;
}

void log_login(CK_USER_TYPE user, const unsigned char* pin, CK_ULONG size, CK_RV result) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (CK_ULONG i = 0; pin != nullptr && i < size; ++i) hash = (hash ^ pin[i]) * 0x100000001b3;
  char line[160];
  const int length =
      std::snprintf(line, sizeof line, "%d C_Login user=%lu length=%lu hash=%016llx result=0x%lx\n",
                    static_cast<int>(::getpid()), user, size, static_cast<unsigned long long>(hash), result);
  const int fd = ::open(shim().log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  // One write: lines of several threads and processes do not mix.
  if (::write(fd, line, static_cast<std::size_t>(length)) != length)
    std::fprintf(stderr, "signet-fault-shim: log\n");
  ::close(fd);
}

void close_all_sessions(CK_FUNCTION_LIST& real) {
  CK_SLOT_ID slots[64];
  CK_ULONG count = std::size(slots);
  if (real.C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK) return;
  for (CK_ULONG i = 0; i < count; ++i) real.C_CloseAllSessions(slots[i]);
}

// What an HSM does to its clients' sessions without being asked.
template <Call Which, typename... Arguments>
void disturb(CK_FUNCTION_LIST& real, Action action, Arguments... arguments) {
  if (action == Action::Reset) close_all_sessions(real);
  if constexpr (Which == Call::C_SignInit || Which == Call::C_Sign) {
    if (action == Action::Logout) real.C_Logout(std::get<0>(std::tuple(arguments...)));
  }
}

// What only some calls have: a log line, a signature to spoil, flags to set. Others: nothing.
template <Call Which, typename... Arguments>
void after(const Rule& rule, CK_RV result, Arguments... arguments) {
  [[maybe_unused]] const std::tuple all(arguments...);
  if constexpr (Which == Call::C_Login) {
    log_login(std::get<1>(all), std::get<2>(all), std::get<3>(all), result);
  } else if constexpr (Which == Call::C_Sign) {
    if (rule.action == Action::Corrupt && result == CKR_OK && std::get<3>(all) != nullptr)
      std::get<3>(all)[0] ^= 1;
  } else if constexpr (Which == Call::C_GetTokenInfo || Which == Call::C_GetSlotInfo) {
    if (rule.action == Action::Flags && result == CKR_OK) std::get<1>(all)->flags |= rule.argument;
  }
}

template <Call Which, auto Member>
struct Forward;

template <Call Which, typename... Arguments, CK_RV (*CK_FUNCTION_LIST::*Member)(Arguments...)>
struct Forward<Which, Member> {
  static CK_RV call(Arguments... arguments) {
    CK_FUNCTION_LIST* const real = shim().real;
    if (real == nullptr) return CKR_GENERAL_ERROR;  // get_function_list() gave nobody this function then
    const Rule rule = before(Which);
    CK_RV result = rule.argument;
    disturb<Which>(*real, rule.action, arguments...);
    if (rule.action != Action::Fail) result = (real->*Member)(arguments...);
    if (rule.action == Action::Lose) result = rule.argument;
    after<Which>(rule, result, arguments...);
    return result;
  }
};

CK_RV get_function_list(CK_FUNCTION_LIST** list) {
  if (shim().real == nullptr) return CKR_GENERAL_ERROR;
  *list = &shim().ours;
  return CKR_OK;
}

Shim::Shim() {
  counters = map_counters(setting("SIGNET_SHIM_COUNTERS"));
  void* module = ::dlopen(setting("SIGNET_SHIM_MODULE").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (counters == nullptr || module == nullptr) {
    std::fprintf(stderr, "signet-fault-shim: needs SIGNET_SHIM_MODULE and SIGNET_SHIM_COUNTERS\n");
    return;
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
  if (get == nullptr || get(&real) != CKR_OK) {
    real = nullptr;
    return;
  }
  ours.version = real->version;
  ours.C_GetFunctionList = get_function_list;
#define SIGNET_SHIM_FORWARD(name) ours.name = Forward<Call::name, &CK_FUNCTION_LIST::name>::call;
  SIGNET_SHIM_CALLS(SIGNET_SHIM_FORWARD)
#undef SIGNET_SHIM_FORWARD
}

}  // namespace

}  // namespace signet::shim

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  return signet::shim::get_function_list(list);
}
