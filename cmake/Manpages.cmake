# Man pages are made from the command's own --help, so that the two never differ.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
  set(ESTAB_MAN ${PROJECT_BINARY_DIR}/man)
  add_custom_command(OUTPUT ${ESTAB_MAN}/made
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/manpages.py
      --version ${PROJECT_VERSION} --out ${ESTAB_MAN} $<TARGET_FILE:estab_command>
    DEPENDS estab_command ${PROJECT_SOURCE_DIR}/tools/manpages.py
    COMMENT "Man pages from --help" VERBATIM)
  add_custom_target(estab_manpages ALL DEPENDS ${ESTAB_MAN}/made)
  include(GNUInstallDirs)
  install(DIRECTORY ${ESTAB_MAN}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
    FILES_MATCHING PATTERN "*.1")
endif()
