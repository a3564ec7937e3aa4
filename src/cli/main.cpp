#include "cli/command.h"

int main(int argc, char** argv) { return estab::cli::run(argc, argv); }
