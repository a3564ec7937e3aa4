# The BPF programs of src/observe/bpf, compiled by clang and embedded in the command. Without clang's
# BPF target or libbpf the command is built without them and says so when asked to trace.
option(ESTAB_BPF "Build the tracer's BPF programs (needs clang and libbpf)" ON)

set(ESTAB_HAVE_BPF FALSE)
if(ESTAB_BPF)
  find_program(ESTAB_BPF_CLANG NAMES clang clang-19 clang-16 clang-15 clang-14)
  find_path(ESTAB_LIBBPF_INCLUDE bpf/libbpf.h)
  find_library(ESTAB_LIBBPF bpf)
  if(ESTAB_BPF_CLANG AND NOT DEFINED ESTAB_BPF_CLANG_WORKS)
    file(WRITE ${PROJECT_BINARY_DIR}/bpf/probe.c "int probe(void *p) { return 0; }\n")
    execute_process(COMMAND ${ESTAB_BPF_CLANG} -target bpf -O2 -c ${PROJECT_BINARY_DIR}/bpf/probe.c
      -o ${PROJECT_BINARY_DIR}/bpf/probe.o RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
    if(refused)
      set(works FALSE)
    else()
      set(works TRUE)
    endif()
    set(ESTAB_BPF_CLANG_WORKS ${works} CACHE INTERNAL "clang compiles for bpf")
  endif()
  if(ESTAB_BPF_CLANG_WORKS AND ESTAB_LIBBPF AND ESTAB_LIBBPF_INCLUDE)
    set(ESTAB_HAVE_BPF TRUE)
  else()
    message(NOTICE "estab: built without BPF (clang: ${ESTAB_BPF_CLANG}, libbpf: ${ESTAB_LIBBPF}); "
      "estab trace will poll")
  endif()
endif()

set(ESTAB_BPF_FOLDER ${PROJECT_SOURCE_DIR}/src/observe/bpf)

# estab_bpf_object(NAME): NAME.bpf.c becomes ${PROJECT_BINARY_DIR}/bpf/NAME.bpf.o.
function(estab_bpf_object name)
  set(made ${PROJECT_BINARY_DIR}/bpf/${name}.bpf.o)
  add_custom_command(OUTPUT ${made}
    COMMAND ${ESTAB_BPF_CLANG} -target bpf -mcpu=v3 -g -O2 -Wall -Werror
      -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -I${ESTAB_LIBBPF_INCLUDE}
      -c ${ESTAB_BPF_FOLDER}/${name}.bpf.c -o ${made}
    DEPENDS ${ESTAB_BPF_FOLDER}/${name}.bpf.c ${ESTAB_BPF_FOLDER}/kernel.bpf.h ${ESTAB_BPF_FOLDER}/raw_event.h
    COMMENT "BPF ${name}" VERBATIM)
endfunction()

# estab_use_bpf(TARGET): TARGET has the sources of src/observe already.
function(estab_use_bpf target)
  get_target_property(sources ${target} SOURCES)
  if(NOT ESTAB_HAVE_BPF)
    list(FILTER sources EXCLUDE REGEX "/bpf/(embedded|object|pins|task_files|tracer)\\.cpp$")
    set_target_properties(${target} PROPERTIES SOURCES "${sources}")
    return()
  endif()
  list(FILTER sources EXCLUDE REGEX "/bpf/without_bpf\\.cpp$")
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
  estab_bpf_object(trace)
  estab_bpf_object(task_files)
  add_custom_target(estab_bpf_objects DEPENDS
    ${PROJECT_BINARY_DIR}/bpf/trace.bpf.o ${PROJECT_BINARY_DIR}/bpf/task_files.bpf.o)
  add_dependencies(${target} estab_bpf_objects)
  set(embedded ${ESTAB_BPF_FOLDER}/embedded.cpp)
  set_source_files_properties(${embedded} TARGET_DIRECTORY ${target} PROPERTIES
    OBJECT_DEPENDS "${PROJECT_BINARY_DIR}/bpf/trace.bpf.o;${PROJECT_BINARY_DIR}/bpf/task_files.bpf.o"
    COMPILE_DEFINITIONS "ESTAB_BPF_TRACE=\"${PROJECT_BINARY_DIR}/bpf/trace.bpf.o\";ESTAB_BPF_TASK_FILES=\"${PROJECT_BINARY_DIR}/bpf/task_files.bpf.o\"")
  target_include_directories(${target} SYSTEM PRIVATE ${ESTAB_LIBBPF_INCLUDE})
  target_link_libraries(${target} PRIVATE ${ESTAB_LIBBPF})
endfunction()
