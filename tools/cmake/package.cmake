# What `cmake --install` puts beside the library, so that others find it: a pkg-config file and a CMake
# package. Both name their folders relative to themselves, so the prefix may be chosen at install time.
include(CMakePackageConfigHelpers)
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/posenet)
set(PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS posenet EXPORT posenet-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT posenet-targets NAMESPACE posenet:: DESTINATION ${PACKAGE_DIR})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/posenet-config.cmake.in
  ${CMAKE_BINARY_DIR}/posenet-config.cmake INSTALL_DESTINATION ${PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/posenet-config-version.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/posenet-config.cmake ${CMAKE_BINARY_DIR}/posenet-config-version.cmake
  DESTINATION ${PACKAGE_DIR})

file(RELATIVE_PATH PREFIX_FROM_PC /${PC_DIR} /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/posenet.pc.in ${CMAKE_BINARY_DIR}/posenet.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/posenet.pc DESTINATION ${PC_DIR})

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
