// Finds the PKCS#11 modules of this machine, without loading one. For a person's own agent only.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "agent/config/config.h"

namespace signet {

struct DiscoveryPlaces {
  std::vector<std::filesystem::path> module_directories;  // of *.module files; later ones win
  std::filesystem::path module_libraries;                 // where a relative "module:" is
  std::vector<std::filesystem::path> well_known;          // modules that need no *.module file
  std::function<std::string(const char*)> environment;    // what to hand on to hosts
  std::filesystem::path devices = "/dev";                 // where a TPM would be
};

// Debian's places, and ~/.config/pkcs11/modules.
DiscoveryPlaces standard_places();

// One entry for each file that exists (by its real path). Left out: p11-kit's trust store, its proxy and
// client, spies, and Signet's own front end (it would ask this agent, which would ask it); modules that
// disable-in keeps from "signetd"; the TPM's module where there is no TPM (and no TPM2_PKCS11_TCTI that names
// one elsewhere): it could only fail, loudly, each time it is asked. Names are those of the *.module files or
// of the libraries; known modules get their defaults (SoftHSM and TPMs are not removable; SoftHSM is shared)
// and the environment variables that they read.
std::vector<ModuleConfig> discover_modules(const DiscoveryPlaces& places);

// The configured modules, and those discovered besides if the configuration wants that. A discovered module
// whose file or name is configured gives way.
std::vector<ModuleConfig> all_modules(const Config& config, const DiscoveryPlaces& places);

}  // namespace signet
