# Lnx.cmake: how a library of ours that sees MLIR is built.
# One precompiled header serves all of them; they link the shared MLIR and LLVM and nothing static.

separate_arguments(LNX_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

# Flags and include paths of MLIR, for everything that is allowed to see it.
add_library(lnx_mlir INTERFACE)
target_compile_definitions(lnx_mlir INTERFACE ${LNX_LLVM_DEFINITIONS})
target_include_directories(lnx_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(lnx_mlir INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_link_libraries(lnx_mlir INTERFACE MLIR LLVM)

file(WRITE ${PROJECT_BINARY_DIR}/lnx_pch.cpp "")
add_library(lnx_pch OBJECT ${PROJECT_BINARY_DIR}/lnx_pch.cpp)
target_link_libraries(lnx_pch PRIVATE lnx_mlir)
target_precompile_headers(lnx_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)

# lnx_add_mlir_library(NAME sources... DEPENDS tablegen-targets... LINK libraries...)
function(lnx_add_mlir_library name)
  cmake_parse_arguments(A "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC lnx_mlir ${A_LINK})
  target_precompile_headers(${name} REUSE_FROM lnx_pch)
  if(A_DEPENDS)
    add_dependencies(${name} ${A_DEPENDS})
  endif()
endfunction()

# lnx_add_mlir_tool(NAME sources... LINK libraries...)
function(lnx_add_mlir_tool name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE lnx_mlir ${A_LINK})
  # The precompiled header was made for libraries; CMake would compile executables with -fPIE.
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM lnx_pch)
endfunction()
