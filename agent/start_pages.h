// Memory that only the start of the program needed.
#pragma once

namespace signet {

// Gives back the pages of code that were read so far, and what the allocator holds without use: reading the
// configuration and opening everything runs once, and its code was half of what an idle agent held (measured:
// 5 of 12 MiB). What runs again is mapped again, from the kernel's page cache, some dozens of faults of a
// microsecond. Only code is touched: it is never written, so nothing is lost (a debugger's breakpoints are).
// Any thread; best effort.
void give_back_start_pages();

}  // namespace signet
