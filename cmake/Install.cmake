# Install.cmake: what `./build.sh install` puts under its prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One shared library of everything that the public headers declare.
add_library(lnx_library SHARED ${PROJECT_SOURCE_DIR}/frontend/Library.cpp)
set_target_properties(lnx_library PROPERTIES
  OUTPUT_NAME lnx EXPORT_NAME lnx VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/lnx.map
  INSTALL_RPATH ${LLVM_LIBRARY_DIR}
  LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,lnx_compile,lnx_train,lnx_runtime")
target_link_libraries(lnx_library PRIVATE lnx_compile lnx_train lnx_runtime)
target_link_options(lnx_library PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/lnx.map)
target_include_directories(lnx_library INTERFACE $<INSTALL_INTERFACE:include>)
target_compile_features(lnx_library INTERFACE cxx_std_20)

# For passes of others: the headers of the dialect. What they declare is in lnx-opt, which opens such passes.
add_library(lnx_passes INTERFACE)
add_library(lnx::passes ALIAS lnx_passes)
set_target_properties(lnx_passes PROPERTIES EXPORT_NAME passes)
target_include_directories(lnx_passes INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}> $<INSTALL_INTERFACE:include/lnx-passes>)
target_include_directories(lnx_passes SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(lnx_passes INTERFACE ${LNX_LLVM_DEFINITIONS})
target_compile_features(lnx_passes INTERFACE cxx_std_20)
add_dependencies(lnx_passes lnx_dialect_inc)

foreach(tool lnx lnxc lnx-opt lnx-certify)
  set_target_properties(${tool} PROPERTIES INSTALL_RPATH ${LLVM_LIBRARY_DIR})
endforeach()
install(TARGETS lnx_library lnx_passes EXPORT lnxTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS lnxc lnx-opt EXPORT lnxTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS lnx lnx-certify RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/ ${PROJECT_SOURCE_DIR}/frontend/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/dialect ${PROJECT_BINARY_DIR}/dialect
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lnx-passes
  FILES_MATCHING PATTERN "*.h" PATTERN "*.h.inc" PATTERN ops EXCLUDE PATTERN CMakeFiles EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/frontend/prelude/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lnx/prelude
  FILES_MATCHING PATTERN "*.lnx")
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/lnx)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lnxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/lnxConfig.cmake ${PROJECT_BINARY_DIR}/lnxConfigVersion.cmake
  DESTINATION ${package})
install(EXPORT lnxTargets NAMESPACE lnx:: DESTINATION ${package})
