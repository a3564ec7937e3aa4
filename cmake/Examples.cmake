# Each file of examples/ is a program that a user would start from: it sees the public headers alone.
enable_language(C)
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.cpp
  ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(source ${examples})
  cmake_path(GET source STEM name)
  add_executable(example_${name} ${source})
  set_target_properties(example_${name} PROPERTIES LINKER_LANGUAGE CXX
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/examples)
  target_link_libraries(example_${name} PRIVATE estab::estab)
  if(source MATCHES "\\.cpp$")
    target_link_libraries(example_${name} PRIVATE estab_options)
  endif()
endforeach()
