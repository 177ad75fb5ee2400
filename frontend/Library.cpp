// Library: liblnx.so is made of whole libraries; CMake wants a file of its own.
// cmake/lnx.map says which names it shows.
