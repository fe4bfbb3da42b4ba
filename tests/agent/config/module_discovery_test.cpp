#include "agent/config/module_discovery.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "agent/config/module_file.h"
#include "scratch.h"
#include "tests/support/result_printing.h"

using signet::discover_modules;
using signet::DiscoveryPlaces;
using signet::ModuleConfig;
using signet::test::Scratch;

namespace {

DiscoveryPlaces places_in(const Scratch& scratch) {
  DiscoveryPlaces places;
  places.module_directories = {scratch.path() / "share", scratch.path() / "etc", scratch.path() / "home"};
  places.module_libraries = scratch.path() / "lib";
  places.environment = [](const char* name) {
    const std::string variable = name;
    if (variable == "HOME") return std::string("/home/ada");
    if (variable == "SOFTHSM2_CONF") return std::string("/scratch/softhsm2.conf");
    return std::string();
  };
  return places;
}

std::vector<std::string> names(const std::vector<ModuleConfig>& modules) {
  std::vector<std::string> out;
  for (const ModuleConfig& module : modules) out.push_back(module.name);
  return out;
}

}  // namespace

TEST_CASE("a module file is read as p11-kit reads it") {
  const auto file = signet::parse_module_file(
      "# comment: no\n\nmodule: /a b.so \r\n  critical:no\nno colon here\nx-init-reserved: a=b:c\nempty:");
  CHECK(file == signet::ModuleFile{
                    {"module", "/a b.so"}, {"critical", "no"}, {"x-init-reserved", "a=b:c"}, {"empty", ""}});
}

TEST_CASE("enable-in and disable-in name programs") {
  using signet::module_enabled_for;
  CHECK(module_enabled_for({}, "signetd"));
  CHECK(module_enabled_for({{"enable-in", "ssh, signetd"}}, "signetd"));
  CHECK_FALSE(module_enabled_for({{"enable-in", "ssh"}}, "signetd"));
  CHECK_FALSE(module_enabled_for({{"disable-in", "ssh signetd"}}, "signetd"));
  CHECK(module_enabled_for({{"disable-in", "signetd2, xsignetd"}}, "signetd"));
}

TEST_CASE("modules are found in module files, with their defaults, and nothing is loaded") {
  const Scratch scratch;
  scratch.write("lib/libsofthsm2.so", "this is no library: whoever loads it fails");
  scratch.write("lib/opensc-pkcs11.so", "");
  scratch.write("elsewhere/vendor.so", "");
  scratch.write("share/softhsm2.module", "module: libsofthsm2.so\n");
  scratch.write("share/opensc.module", "module: opensc-pkcs11.so\n");
  scratch.write("share/vendor.module",
                "module: " + (scratch.path() / "elsewhere/vendor.so").string() + "\nx-init-reserved: a=1\n");
  const auto modules = discover_modules(places_in(scratch));
  REQUIRE(names(modules) == std::vector<std::string>{"opensc", "softhsm2", "vendor"});
  CHECK(modules[0].removable);
  CHECK_FALSE(modules[0].shared);
  CHECK(modules[1].path == std::filesystem::canonical(scratch.path() / "lib/libsofthsm2.so"));
  CHECK(modules[1].shared);
  CHECK_FALSE(modules[1].removable);
  CHECK(modules[1].environment == std::map<std::string, std::string>{
                                      {"HOME", "/home/ada"}, {"SOFTHSM2_CONF", "/scratch/softhsm2.conf"}});
  CHECK(modules[2].init_args == "a=1");
  CHECK(modules[2].environment == std::map<std::string, std::string>{{"HOME", "/home/ada"}});
}

TEST_CASE("what is no token module is left out") {
  const Scratch scratch;
  for (const char* name : {"p11-kit-trust.so", "p11-kit-client.so", "p11-kit-proxy.so", "libp11-kit.so.0",
                           "signet-pkcs11.so", "pkcs11-spy.so", "other-trust.so", "off.so"})
    scratch.write("lib/" + std::string(name), "");
  scratch.write("share/a.module", "module: p11-kit-trust.so\n");
  scratch.write("share/b.module", "module: p11-kit-client.so\n");
  scratch.write("share/c.module", "module: p11-kit-proxy.so\n");
  scratch.write("share/d.module", "module: libp11-kit.so.0\n");
  scratch.write("share/e.module", "module: signet-pkcs11.so\n");
  scratch.write("share/f.module", "module: pkcs11-spy.so\n");
  scratch.write("share/g.module", "module: other-trust.so\ntrust-policy: yes\n");
  scratch.write("share/h.module", "module: off.so\ndisable-in: signetd\n");
  scratch.write("share/i.module", "remote: |ssh host p11-kit remote /x.so\n");
  scratch.write("share/j.module", "module: absent.so\n");
  scratch.write("share/k.module.bak", "module: off.so\n");
  std::filesystem::create_symlink("signet-pkcs11.so", scratch.path() / "lib/innocent.so");
  scratch.write("share/l.module", "module: innocent.so\n");
  CHECK(names(discover_modules(places_in(scratch))).empty());
}

TEST_CASE("one library under several names is one module") {
  const Scratch scratch;
  scratch.write("lib/libsofthsm2.so", "");
  std::filesystem::create_symlink("libsofthsm2.so", scratch.path() / "lib/link.so");
  scratch.write("share/first.module", "module: libsofthsm2.so\n");
  scratch.write("share/second.module", "module: link.so\n");
  DiscoveryPlaces places = places_in(scratch);
  places.well_known = {scratch.path() / "lib/link.so", scratch.path() / "lib/libsofthsm2.so"};
  CHECK(names(discover_modules(places)) == std::vector<std::string>{"first"});
}

TEST_CASE("the TPM's module is left out where there is no TPM") {
  const Scratch scratch;
  scratch.write("lib/libtpm2_pkcs11.so", "");
  DiscoveryPlaces places = places_in(scratch);
  places.well_known = {scratch.path() / "lib/libtpm2_pkcs11.so"};
  places.devices = scratch.path() / "dev";
  CHECK(discover_modules(places).empty());
  SECTION("a TPM") {
    scratch.write("dev/tpmrm0", "");
  }
  SECTION("one that is reached in another way") {
    places.environment = [](const char* name) {
      return std::string(name) == "TPM2_PKCS11_TCTI" ? "swtpm:port=2321" : "";
    };
  }
  CHECK(names(discover_modules(places)) == std::vector<std::string>{"tpm2"});
}

TEST_CASE("well-known modules need no module file, and names stay unique") {
  const Scratch scratch;
  scratch.write("one/libykcs11.so.2", "");
  scratch.write("two/libykcs11.so.2", "");
  DiscoveryPlaces places = places_in(scratch);
  places.well_known = {scratch.path() / "one/libykcs11.so.2", scratch.path() / "two/libykcs11.so.2",
                       scratch.path() / "absent.so"};
  CHECK(names(discover_modules(places)) == std::vector<std::string>{"ykcs11", "ykcs11-2"});
}

TEST_CASE("a person's module file of the same name changes the package's") {
  const Scratch scratch;
  scratch.write("lib/a.so", "");
  scratch.write("share/a.module", "module: a.so\nx-init-reserved: from-package\n");
  scratch.write("home/a.module", "x-init-reserved: mine\n");
  const auto modules = discover_modules(places_in(scratch));
  REQUIRE(modules.size() == 1);
  CHECK(modules[0].init_args == "mine");
  scratch.write("home/a.module", "disable-in: signetd\n");
  CHECK(discover_modules(places_in(scratch)).empty());
}

TEST_CASE("a configured module takes the place of a discovered one") {
  const Scratch scratch;
  const auto library = scratch.write("lib/libsofthsm2.so", "");
  scratch.write("lib/b.so", "");
  scratch.write("lib/c.so", "");
  scratch.write("share/softhsm2.module", "module: libsofthsm2.so\n");
  scratch.write("share/same-name.module", "module: b.so\n");
  scratch.write("share/other.module", "module: c.so\n");
  std::filesystem::create_symlink(library, scratch.path() / "link.so");
  signet::Config config;
  config.modules.resize(2);
  config.modules[0].name = "mine";
  config.modules[0].path = scratch.path() / "link.so";  // the same file, by another path
  config.modules[1].name = "same-name";
  config.modules[1].path = "/absent.so";
  CHECK(names(signet::all_modules(config, places_in(scratch))) ==
        std::vector<std::string>{"mine", "same-name", "other"});
  config.discover_modules = false;
  CHECK(names(signet::all_modules(config, places_in(scratch))) ==
        std::vector<std::string>{"mine", "same-name"});
}
