// SIGINT and SIGTERM as a word that a verb reads between two looks, so that it ends as it should.
#pragma once

namespace estab::cli {

// From now on these signals only end waits and are noted.
void note_interrupts();
// One came.
bool interrupted();

}  // namespace estab::cli
