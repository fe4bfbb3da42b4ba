#include "agent/config/module_discovery.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/config/directories.h"
#include "agent/config/module_file.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

// What is known of a module from its library's name.
struct KnownModule {
  std::string_view part;  // of the file name
  std::string_view name;  // to give it
  bool shared, removable;
  std::array<const char*, 2> environment;  // that the module reads
};

constexpr std::array<KnownModule, 4> kKnown{{
    {"softhsm2", "softhsm2", true, false, {"SOFTHSM2_CONF", nullptr}},
    {"tpm2_pkcs11", "tpm2", false, false, {"TPM2_PKCS11_STORE", "TPM2_PKCS11_TCTI"}},
    {"opensc-pkcs11", "opensc", false, true, {"OPENSC_CONF", "PCSCLITE_CSOCK_NAME"}},
    {"ykcs11", "ykcs11", false, true, {"PCSCLITE_CSOCK_NAME", nullptr}},
}};

// Not tokens: proxies that would load all modules into one host, trust stores, and the front end that asks
// us.
constexpr std::array<std::string_view, 5> kSkipped{"p11-kit-proxy", "p11-kit-client", "p11-kit-trust",
                                                   "pkcs11-spy", "signet"};

const KnownModule* known_module(const fs::path& path) {
  const std::string file = path.filename().string();
  for (const KnownModule& known : kKnown)
    if (file.find(known.part) != std::string::npos) return &known;
  return nullptr;
}

bool is_skipped(const fs::path& path) {
  const std::string file = path.filename().string();
  // p11-kit's proxy is p11-kit-proxy.so, a link to libp11-kit.so.0.
  return file.starts_with("libp11-kit.so") ||
         std::any_of(kSkipped.begin(), kSkipped.end(),
                     [&](std::string_view part) { return file.find(part) != std::string::npos; });
}

class Discovery {
 public:
  explicit Discovery(const DiscoveryPlaces& places) : places_(places) {}

  void add_module_file(const std::string& name, const ModuleFile& file) {
    const auto module = file.find("module");  // absent: a remote one
    if (module == file.end() || module->second.empty() || !module_enabled_for(file, "signetd")) return;
    if (const auto trust = file.find("trust-policy"); trust != file.end() && trust->second == "yes") return;
    const auto reserved = file.find("x-init-reserved");
    add(places_.module_libraries / module->second, name, reserved == file.end() ? "" : reserved->second);
  }
  void add_library(const fs::path& path) {
    const KnownModule* known = known_module(path);
    add(path, known == nullptr ? path.stem().string() : std::string(known->name), "");
  }
  std::vector<ModuleConfig> take() { return std::move(modules_); }

 private:
  void add(const fs::path& path, const std::string& name, const std::string& init_args) {
    std::error_code missing;
    const fs::path real = fs::canonical(path, missing);
    if (missing || is_skipped(path) || is_skipped(real) || lacks_its_device(real)) return;
    if (!paths_.insert(real).second) return;
    ModuleConfig module;
    module.name = unique(name);
    module.path = real;
    module.init_args = init_args;
    hand_on(module, "HOME");
    if (const KnownModule* known = known_module(real)) {
      module.shared = known->shared;
      module.removable = known->removable;
      for (const char* variable : known->environment)
        if (variable != nullptr) hand_on(module, variable);
    }
    modules_.push_back(std::move(module));
  }
  bool lacks_its_device(const fs::path& real) const {
    const KnownModule* known = known_module(real);
    if (known == nullptr || known->name != "tpm2" || !places_.environment("TPM2_PKCS11_TCTI").empty())
      return false;
    std::error_code unseen;
    return !fs::exists(places_.devices / "tpmrm0", unseen) && !fs::exists(places_.devices / "tpm0", unseen);
  }
  void hand_on(ModuleConfig& module, const char* variable) const {
    if (std::string value = places_.environment(variable); !value.empty())
      module.environment[variable] = std::move(value);
  }
  std::string unique(const std::string& name) {
    std::string out = name;
    for (int i = 2; !names_.insert(out).second; ++i) out = name + "-" + std::to_string(i);
    return out;
  }

  const DiscoveryPlaces& places_;
  std::vector<ModuleConfig> modules_;
  std::set<fs::path> paths_;
  std::set<std::string> names_;
};

}  // namespace

DiscoveryPlaces standard_places() {
  DiscoveryPlaces places;
  places.module_directories = {"/usr/share/p11-kit/modules", "/etc/pkcs11/modules",
                               config_home() / "pkcs11/modules"};
  places.module_libraries = SIGNET_P11_MODULE_PATH;
  const fs::path libraries = fs::path(SIGNET_P11_MODULE_PATH).parent_path();
  places.well_known = {libraries / "softhsm/libsofthsm2.so", "/usr/lib/softhsm/libsofthsm2.so",
                       libraries / "opensc-pkcs11.so",       libraries / "libykcs11.so",
                       libraries / "libykcs11.so.2",         libraries / "pkcs11/libtpm2_pkcs11.so",
                       libraries / "libtpm2_pkcs11.so.1"};
  places.environment = environment_variable;
  return places;
}

std::vector<ModuleConfig> discover_modules(const DiscoveryPlaces& places) {
  Discovery discovery(places);
  for (const auto& [name, file] : read_module_files(places.module_directories))
    discovery.add_module_file(name, file);
  for (const fs::path& path : places.well_known) discovery.add_library(path);
  return discovery.take();
}

std::vector<ModuleConfig> all_modules(const Config& config, const DiscoveryPlaces& places) {
  std::vector<ModuleConfig> modules = config.modules;
  if (!config.discover_modules) return modules;
  const auto is_configured = [&config](const ModuleConfig& found) {
    return std::any_of(config.modules.begin(), config.modules.end(), [&](const ModuleConfig& configured) {
      std::error_code missing;
      return configured.name == found.name || fs::canonical(configured.path, missing) == found.path;
    });
  };
  for (ModuleConfig& found : discover_modules(places))
    if (!is_configured(found)) modules.push_back(std::move(found));
  return modules;
}

}  // namespace signet
