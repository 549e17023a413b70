# A thin front for the scripts and Meson: every rule is one command that can be typed as well.
prefix ?= /usr/local
TIME ?= 60

help:
	@echo 'make run      build and start the gateway (./run)'
	@echo 'make test     build and run all tests (./test)'
	@echo 'make bench    measure: table of measured, limit and goal; JSON in build/bench.json'
	@echo 'make fuzz     run each fuzz target for TIME=60 seconds'
	@echo 'make lint     formatting, static checks, layers'
	@echo 'make format   format the C files as .clang-format says'
	@echo 'make install  install below prefix=/usr/local, honours DESTDIR'
	@echo 'make clean    remove what was built'

run:
	./run

test:
	./test

bench:
	tools/bench

fuzz:
	tools/fuzz $(TIME)

lint:
	tools/lint $(LINT)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

install:
	sh tools/setup build
	[ -f build-install/build.ninja ] || meson setup build-install -Dtests=false
	meson configure build-install -Dprefix=$(prefix)
	meson install -C build-install $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-asan build-attack build-attack-asan build-fuzz build-install build-lint

.PHONY: help run test bench fuzz lint format install clean
