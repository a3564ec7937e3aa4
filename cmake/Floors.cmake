# The floors of the house (ARCHITECTURE.md): each folder of src/ is one.

# An archive must have a source before its floors have any.
set(ESTAB_EMPTY ${PROJECT_BINARY_DIR}/empty.cpp)
if(NOT EXISTS ${ESTAB_EMPTY})
  file(WRITE ${ESTAB_EMPTY} "")
endif()

# estab_floor(TARGET FLOOR...): TARGET gets the sources of these floors, without their tests
# and without what is a shared object of its own.
function(estab_floor target)
  foreach(floor ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${floor}/*.cpp)
    list(FILTER found EXCLUDE REGEX "_test\\.cpp$|_so/")
    if(found)
      target_sources(${target} PRIVATE ${found})
    endif()
  endforeach()
endfunction()
