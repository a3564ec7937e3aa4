# What `cmake --install` lays down: the command and its pages, the two archives, the public headers,
# and what find_package(estab) and pkg-config need.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS estab_core estab EXPORT estabTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/estab DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
if(TARGET estab_command)
  install(TARGETS estab_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(ESTAB_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/estab)
install(EXPORT estabTargets NAMESPACE estab:: DESTINATION ${ESTAB_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/estabConfig.cmake.in
  ${PROJECT_BINARY_DIR}/estabConfig.cmake INSTALL_DESTINATION ${ESTAB_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/estabConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/estabConfig.cmake ${PROJECT_BINARY_DIR}/estabConfigVersion.cmake
  DESTINATION ${ESTAB_CMAKE_DIR})

# The .pc file finds its prefix from where it lies, so that the installed tree can be moved.
file(RELATIVE_PATH ESTAB_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/packaging/estab.pc.in ${PROJECT_BINARY_DIR}/estab.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/estab.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
