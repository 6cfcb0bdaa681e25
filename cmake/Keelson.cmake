# Compiler settings and the two functions with which every folder declares what it builds.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
if(KEELSON_WITH_GRPC)
  find_package(gRPC CONFIG REQUIRED)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(keelson_options INTERFACE)
target_include_directories(keelson_options INTERFACE ${CMAKE_SOURCE_DIR})
target_include_directories(keelson_options SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/gen)
if(KEELSON_MUTANTS)
  target_compile_definitions(keelson_options INTERFACE KEELSON_MUTANTS)
endif()
target_compile_options(keelson_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror)
# GCC 12 warns wrongly about moved-from optionals and inlined string copies at -O2.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(keelson_options INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
    -Wno-tsan)  # Asio has fences, which TSan does not model; its mutexes are enough
endif()

# Standalone Asio, header only; never Boost.
add_library(keelson_asio INTERFACE)
target_compile_definitions(keelson_asio INTERFACE
  ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_NO_TYPEID
  # Else Asio picks malloc or operator new per file, by which standard header came first: their
  # mix in one binary frees what the other allocated.
  ASIO_DISABLE_STD_ALIGNED_ALLOC)
target_link_libraries(keelson_asio INTERFACE Threads::Threads)

# RocksDB as Debian ships it (its CMake package asks for more than we need). Shared, so that tests
# link fast; a target with the property KEELSON_STATIC_ROCKSDB gets the archive, whose
# thread-local counters cost a register instead of a call at every comparison of keys.
add_library(keelson_rocksdb INTERFACE)
set(static_rocksdb "$<BOOL:$<TARGET_PROPERTY:KEELSON_STATIC_ROCKSDB>>")
target_link_libraries(keelson_rocksdb INTERFACE
  "$<IF:${static_rocksdb},-l:librocksdb.a,rocksdb>"
  "$<${static_rocksdb}:lz4;snappy;z;bz2;zstd;gflags>")

# RocksDB and Abseil come without TSan's instrumentation: what they do among themselves is not ours to
# judge.
set(KEELSON_TSAN_OPTIONS ignore_noninstrumented_modules=1:halt_on_error=1)

# keelson_library(NAME SRCS a.cc ... DEPS other ...)
function(keelson_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  if(ARG_SRCS)
    add_library(${name} STATIC ${ARG_SRCS})
    target_link_libraries(${name} PUBLIC keelson_options ${ARG_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE keelson_options ${ARG_DEPS})
  endif()
endfunction()

# keelson_test(NAME SRCS a_test.cc ... DEPS lib ... [LABELS l ...] [TIMEOUT seconds] [ARGS ...])
# One GoogleTest binary, one ctest entry. Label "fast" is the default; "process" starts servers;
# "thread", besides, is for what has threads of its own: those run under TSan.
function(keelson_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SRCS;DEPS;LABELS;ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(KEELSON_SANITIZED)
    math(EXPR ARG_TIMEOUT "3 * ${ARG_TIMEOUT}")
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE keelson_options ${ARG_DEPS} GTest::gtest GTest::gmock
                        GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("thread" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT TSAN_OPTIONS=${KEELSON_TSAN_OPTIONS})
  endif()
  foreach(label ${ARG_LABELS})
    set_property(GLOBAL APPEND PROPERTY KEELSON_TESTS_${label} ${name})
  endforeach()
endfunction()

# keelson_fuzz(NAME SRCS a_fuzz.cc ... DEPS lib ...): a libFuzzer target, only with KEELSON_FUZZ.
function(keelson_fuzz name)
  if(NOT KEELSON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE keelson_options ${ARG_DEPS})
  set_property(GLOBAL APPEND PROPERTY KEELSON_FUZZERS ${name})
endfunction()
