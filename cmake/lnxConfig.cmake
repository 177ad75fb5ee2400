# find_package(lnx): the target lnx::lnx, and the programs lnx::lnxc and lnx::lnx-opt.
# lnx::passes is what a pass for lnx-opt is compiled with; it needs libmlir-22-dev.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/lnxTargets.cmake)
