# find_package(lnx): the target lnx::lnx, and the programs lnx::lnxc and lnx::lnx-opt.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/lnxTargets.cmake)
