# What is installed: the shared library with the public API, the command, headers, pkg-config and CMake packages.
