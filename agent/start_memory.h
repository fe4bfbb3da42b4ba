// What only the start needed.
#pragma once

namespace signet {

// Gives heap that is free back to the system, and lets go of all code that is mapped: what is run again is
// found again in the page cache, 64 KiB at a time. Of the 8 MiB of signetd's code and its libraries' that a
// start runs through, 2 are run again when the agent signs (measured: Referenced in smaps). Takes about a
// millisecond. Safe at any time, beside other threads.
void release_start_memory();

}  // namespace signet
