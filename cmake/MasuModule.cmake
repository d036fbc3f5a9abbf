# One static library for each room, made by one function. The rings and who may enter whom stand here, once:
#
#   apps -> gateways -> services -> kubernetes -> foundation,  apps -> engine -> kubernetes
#
# A room may depend on rooms of its own ring only in foundation and kubernetes; in engine, services and gateways
# siblings never meet but at the Kubernetes API. tests/tidy_test.cc checks the #include lines against the same rule.

set(MASU_RINGS_BELOW_foundation foundation)
set(MASU_RINGS_BELOW_kubernetes kubernetes foundation)
set(MASU_RINGS_BELOW_engine kubernetes foundation)
set(MASU_RINGS_BELOW_services kubernetes foundation)
set(MASU_RINGS_BELOW_gateways services kubernetes foundation)

# Adds every room of a ring that has a CMakeLists.txt.
function(masu_ring ring)
  file(GLOB rooms RELATIVE ${CMAKE_SOURCE_DIR}/src/${ring} ${CMAKE_SOURCE_DIR}/src/${ring}/*/CMakeLists.txt)
  # Neighbours inside a ring are resolved at generate time, so the order does not matter.
  foreach(room ${rooms})
    get_filename_component(directory ${room} DIRECTORY)
    if(MASU_ROOMS AND NOT directory IN_LIST MASU_ROOMS)
      continue()
    endif()
    add_subdirectory(${CMAKE_SOURCE_DIR}/src/${ring}/${directory} ${CMAKE_BINARY_DIR}/src/${ring}/${directory})
  endforeach()
endfunction()

function(masu_ring_directory directory)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${directory}/CMakeLists.txt)
    add_subdirectory(${directory})
  endif()
endfunction()

# masu_module(NAME RING ring [DEPS room...] [LIBS library...])
#
# Library masu_NAME from all *.cc of the folder (and its folders below) that are no test, bench or fuzz target; test
# program masu_NAME_test from *_test.cc; with MASU_FUZZ one program masu_NAME_STEM from each STEM.cc named *_fuzz. DEPS are rooms of inner rings (or, in foundation and kubernetes, of the same
# ring); anything else fails the configuration. LIBS are third-party libraries, private to the room.
function(masu_module name)
  cmake_parse_arguments(M "" "RING" "DEPS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set_property(GLOBAL PROPERTY MASU_RING_OF_${name} ${M_RING})
  set_property(GLOBAL APPEND PROPERTY MASU_MODULES ${name})
  set_property(GLOBAL PROPERTY MASU_DEPS_OF_${name} "${M_DEPS}")

  if(sources)
    add_library(masu_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(masu_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(masu_${name} ${scope} ${CMAKE_SOURCE_DIR}/src/foundation ${CMAKE_SOURCE_DIR}/src/kubernetes
    ${CMAKE_SOURCE_DIR}/src/${M_RING})
  foreach(dep ${M_DEPS})
    target_link_libraries(masu_${name} ${scope} masu_${dep})
  endforeach()
  if(sources)
    target_link_libraries(masu_${name} PRIVATE ${M_LIBS} Threads::Threads)
  else()
    target_link_libraries(masu_${name} INTERFACE ${M_LIBS})
  endif()
  if(tests)
    add_executable(masu_${name}_test ${tests})
    # Only the tested code is worth optimising: the tests themselves would take most of a cold build.
    target_compile_options(masu_${name}_test PRIVATE $<$<CONFIG:Release>:-O0>)
    target_link_libraries(masu_${name}_test PRIVATE masu_${name} ${M_TEST_LIBS} GTest::gtest GTest::gtest_main GTest::gmock)
    target_compile_definitions(masu_${name}_test PRIVATE MASU_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND masu_${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
  if(MASU_BENCHES)
    # Each *_bench.cc is a program of its own, named after the file.
    file(GLOB_RECURSE benches CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_bench.cc)
    foreach(bench ${benches})
      get_filename_component(stem ${bench} NAME_WE)
      add_executable(masu_${stem} ${bench})
      target_link_libraries(masu_${stem} PRIVATE masu_${name} ${M_TEST_LIBS} Threads::Threads)
    endforeach()
  endif()
  if(MASU_FUZZ)
    # Each *_fuzz.cc is a program of its own: it defines LLVMFuzzerTestOneInput.
    file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_fuzz.cc)
    foreach(fuzzer ${fuzzers})
      get_filename_component(stem ${fuzzer} NAME_WE)
      add_executable(masu_${name}_${stem} ${fuzzer})
      target_link_libraries(masu_${name}_${stem} PRIVATE masu_${name} ${M_TEST_LIBS})
      target_link_options(masu_${name}_${stem} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()

# Called after all rooms are known: refuses an arrow that points outwards or sideways.
function(masu_check_arrows)
  get_property(modules GLOBAL PROPERTY MASU_MODULES)
  foreach(name ${modules})
    get_property(ring GLOBAL PROPERTY MASU_RING_OF_${name})
    get_property(deps GLOBAL PROPERTY MASU_DEPS_OF_${name})
    foreach(dep ${deps})
      get_property(dep_ring GLOBAL PROPERTY MASU_RING_OF_${dep})
      if(NOT dep_ring)
        if(NOT MASU_ROOMS)
          message(FATAL_ERROR "${name} depends on ${dep}, which is no room of the house.")
        endif()
      elseif(NOT dep_ring IN_LIST MASU_RINGS_BELOW_${ring})
        message(FATAL_ERROR "${name} (${ring}) may not depend on ${dep} (${dep_ring}): arrows point inwards only, and "
          "siblings of the rings engine, services and gateways meet only at the Kubernetes API.")
      endif()
    endforeach()
  endforeach()
endfunction()
