# Asan.cmake: tests that run under AddressSanitizer and UndefinedBehaviorSanitizer in every build.
# A second copy of the runtime is instrumented, and the test. The compiler, LLVM and compiled models are not, but
# each of their allocations is watched: what a destroyed session leaves behind is reported as a leak.
set(asan_options -fsanitize=address,undefined -fno-sanitize-recover=undefined)
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS -fsanitize=address)
check_cxx_source_compiles("int main() { return 0; }" LNX_HAS_ASAN)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT LNX_HAS_ASAN)
  message(WARNING "the compiler has no AddressSanitizer (libclang-rt-22-dev): tests under it are left out")
  return()
endif()

get_target_property(runtime_sources lnx_runtime SOURCES)
list(TRANSFORM runtime_sources PREPEND ${PROJECT_SOURCE_DIR}/runtime/)
add_library(lnx_runtime_asan OBJECT ${runtime_sources})
target_include_directories(lnx_runtime_asan PUBLIC
  ${PROJECT_SOURCE_DIR}/runtime/include ${PROJECT_SOURCE_DIR}/runtime ${PROJECT_SOURCE_DIR})
target_compile_options(lnx_runtime_asan PUBLIC ${asan_options} -g1 -fno-omit-frame-pointer)
target_link_options(lnx_runtime_asan PUBLIC ${asan_options})
target_link_libraries(lnx_runtime_asan PUBLIC
  Threads::Threads ${CMAKE_DL_LIBS} xxhash fmt::fmt nlohmann_json::nlohmann_json)

# lnx_add_asan_test(NAME sources... LINK libraries... FILTER gtest-filter)
function(lnx_add_asan_test name)
  cmake_parse_arguments(A "" "FILTER" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE lnx_runtime_asan ${A_LINK} GTest::gtest_main)
  gtest_discover_tests(${name} TEST_PREFIX asan. TEST_FILTER "${A_FILTER}" DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300)
endfunction()
