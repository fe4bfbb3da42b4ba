#include "agent/varlink/idle_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace signet {
namespace {

// Code whose addresses were written into it when it was loaded is not what the file says.
bool is_relocated_code(const dl_phdr_info& object) {
  for (const ElfW(Phdr)* part = object.dlpi_phdr; part < object.dlpi_phdr + object.dlpi_phnum; ++part) {
    if (part->p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + part->p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry)
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
        return true;
  }
  return false;
}

void release_code(const dl_phdr_info& object, std::uintptr_t page) {
  for (const ElfW(Phdr)* part = object.dlpi_phdr; part < object.dlpi_phdr + object.dlpi_phnum; ++part) {
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0 || (part->p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object.dlpi_addr + part->p_vaddr) & ~(page - 1);
    const std::uintptr_t end = object.dlpi_addr + part->p_vaddr + part->p_memsz;
    // Refused for memory that is locked: then it stays.
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

int release_object(dl_phdr_info* object, std::size_t, void* page) {
  if (!is_relocated_code(*object)) release_code(*object, *static_cast<const std::uintptr_t*>(page));
  return 0;
}

}  // namespace

void release_idle_memory() {
  ::malloc_trim(0);
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  ::dl_iterate_phdr(release_object, &page);
}

}  // namespace signet
