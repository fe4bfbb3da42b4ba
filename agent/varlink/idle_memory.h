// What an agent that nobody asks anything needs not.
#pragma once

namespace signet {

// Gives heap that is free back to the system, and lets go of all code that is mapped: what is run again is
// found again in the page cache, 64 KiB at a time. Of what signetd has mapped after its start, 14 MiB with
// its libraries, it touches 3.4 to sign once more and wait (measured: Referenced in smaps). Takes about a
// millisecond. Beside other threads; but breakpoints that a debugger has set are lost.
void release_idle_memory();

}  // namespace signet
