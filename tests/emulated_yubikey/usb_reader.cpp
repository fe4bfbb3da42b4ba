// An IFD handler that makes Debian's vpcd driver a USB reader: one that comes and goes with udev's events, as
// a YubiKey does. pcscd loads it for a USB device of our bundle (emulated_yubikey/pcscd.py); all the work is
// vpcd's, of which each reader gets a copy of its own, for vpcd's state is global and serves one reader only.
// What it cannot do with a USB device's name (find its port) or does otherwise than a YubiKey (two slots) is
// done here. Interface: pcsc-lite's ifdhandler.h, version 3.
extern "C" {
#include <PCSC/ifdhandler.h>
}
#include <dlfcn.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr DWORD kFirstPort = 0x8C7B;
constexpr UCHAR kMostReaders = 16;  // PCSCLITE_MAX_READERS_CONTEXTS

// vpcd's functions, of one copy of it. pcscd serialises the calls that open and close readers.
struct Vpcd {
  void* library = nullptr;
  decltype(&IFDHCreateChannel) create = nullptr;
  decltype(&IFDHCloseChannel) close = nullptr;
  decltype(&IFDHGetCapabilities) capabilities = nullptr;
  decltype(&IFDHPowerICC) power = nullptr;
  decltype(&IFDHTransmitToICC) transmit = nullptr;
  decltype(&IFDHICCPresence) presence = nullptr;
};

std::array<Vpcd, kMostReaders> readers;

Vpcd& reader(DWORD lun) {
  return readers.at((lun >> 16U) % kMostReaders);
}

// "…/vpcd-2.so", beside this library.
std::string copy_of_vpcd(unsigned long device) {
  Dl_info self{};
  if (::dladdr(reinterpret_cast<void*>(&copy_of_vpcd), &self) == 0) return {};
  const std::string path = self.dli_fname;
  return path.substr(0, path.rfind('/') + 1) + "vpcd-" + std::to_string(device) + ".so";
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

bool load(Vpcd& vpcd, const std::string& path) {
  vpcd.library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  return vpcd.library != nullptr && find(vpcd.library, "IFDHCreateChannel", vpcd.create) &&
         find(vpcd.library, "IFDHCloseChannel", vpcd.close) &&
         find(vpcd.library, "IFDHGetCapabilities", vpcd.capabilities) &&
         find(vpcd.library, "IFDHPowerICC", vpcd.power) &&
         find(vpcd.library, "IFDHTransmitToICC", vpcd.transmit) &&
         find(vpcd.library, "IFDHICCPresence", vpcd.presence);
}

// A YubiKey's card is in its reader from the start; ours comes over TCP a moment later. pcscd would look
// again after 0.4 s only.
void await_card(DWORD lun) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (reader(lun).presence(lun & 0xFFFFU) == IFD_ICC_PRESENT) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

extern "C" {

// `name`: "usb:1050/0407:libudev:2:/dev/bus/usb/001/003"; its last number is the device's, from which the
// port follows on which this copy of vpcd waits for the card.
RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name) {
  const std::string_view device = name;
  const auto slash = device.rfind('/');
  if (slash == std::string_view::npos) return IFD_NOT_SUPPORTED;
  const unsigned long number = std::strtoul(name + slash + 1, nullptr, 10);
  Vpcd& vpcd = reader(lun);
  if (vpcd.library == nullptr && !load(vpcd, copy_of_vpcd(number))) return IFD_COMMUNICATION_ERROR;
  const RESPONSECODE created = vpcd.create(lun & 0xFFFFU, kFirstPort + number);
  if (created == IFD_SUCCESS) await_card(lun);
  return created;
}

RESPONSECODE IFDHCreateChannel(DWORD, DWORD) {
  return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHCloseChannel(DWORD lun) {
  Vpcd& vpcd = reader(lun);
  const RESPONSECODE closed = vpcd.close(lun & 0xFFFFU);
  ::dlclose(vpcd.library);
  vpcd = {};
  return closed;
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value) {
  const auto answer = [&](UCHAR number) {
    if (*length < 1) return RESPONSECODE{IFD_COMMUNICATION_ERROR};
    *value = number;
    *length = 1;
    return RESPONSECODE{IFD_SUCCESS};
  };
  if (tag == TAG_IFD_SLOTS_NUMBER || tag == TAG_IFD_THREAD_SAFE) return answer(1);
  if (tag == TAG_IFD_SIMULTANEOUS_ACCESS) return answer(kMostReaders);
  return reader(lun).capabilities(lun & 0xFFFFU, tag, length, value);
}

RESPONSECODE IFDHSetCapabilities(DWORD, DWORD, DWORD, PUCHAR) {
  return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR) {
  return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD atr_length) {
  return reader(lun).power(lun & 0xFFFFU, action, atr, atr_length);
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send, PUCHAR command, DWORD command_length,
                               PUCHAR response, PDWORD response_length, PSCARD_IO_HEADER receive) {
  return reader(lun).transmit(lun & 0xFFFFU, send, command, command_length, response, response_length,
                              receive);
}

RESPONSECODE IFDHControl(DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD returned) {
  if (returned != nullptr) *returned = 0;
  return IFD_ERROR_NOT_SUPPORTED;
}

RESPONSECODE IFDHICCPresence(DWORD lun) {
  return reader(lun).presence(lun & 0xFFFFU);
}

}  // extern "C"
