# The two commands that a newcomer needs: make demo, make test. All they do is call CMake, ctest and tools/.

BUILD ?= build/release
JOBS ?= $(shell nproc)

.PHONY: all build demo test test-all sanitize clean install

all: build

build:
	@tools/prepare build
	@cmake --preset release -B $(BUILD) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)

# Installs what is missing, builds, starts masu, tunes examples/digits and shows the result. KEEP=1 leaves masu running.
demo: 
	@tools/prepare build run
	@cmake --preset release -B $(BUILD) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target programs
	@BUILD=$(BUILD) tools/demo

# Everything but what is labelled slow; the last lines are ctest's summary.
test:
	@tools/prepare build run
	@cmake --preset release -B $(BUILD) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS) -LE slow

test-all:
	@tools/prepare build run
	@cmake --preset release -B $(BUILD) >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure -j $(JOBS)

# The rooms that read bytes from outside, under Clang with the address and undefined-behaviour sanitizers.
SANITIZED ?= base value crypto sqlite net objectstore
sanitize:
	@tools/prepare build clang
	@cmake --preset asan -B build/asan -DCMAKE_CXX_COMPILER=clang++-16 -DMASU_FUZZ=ON "-DMASU_ROOMS=$$(echo $(SANITIZED) | tr ' ' ';')" >/dev/null
	@cmake --build build/asan -j $(JOBS)
	@cd build/asan && ctest --output-on-failure -j $(JOBS)

install: build
	@cmake --install $(BUILD)

clean:
	@rm -rf build
