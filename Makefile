# paglets. `make` builds ./paglets; `make test` is all a newcomer needs.
#
#   make            ./paglets: static, musl       make check   all gates
#   make lib        libpaglets.a for embedders    make fuzz    libFuzzer, FUZZ_SECONDS each
#   make dist       dist/paglets.c, one file      make bench   figures beside their floors
#   make demo       two hosts, one agent, told    make test    setup, build, check
#
# All that is built lies in build/: mbedtls-src/include (headers of mbedTLS),
# {musl,san,glibc}/libmbedcrypto.a, unit/ (parts and their tests), fuzz/.

CC = gcc
CLANG = clang
MUSL_CC = musl-gcc
FUZZ_SECONDS = 30
MBEDTLS_TARBALL =
export CC MBEDTLS_TARBALL

WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
STD = -std=gnu11 -D_GNU_SOURCE -I. -Isrc -Ithird_party -isystem build/mbedtls-src/include \
	-DMBEDTLS_CONFIG_FILE='<paglets_mbedtls_config.h>'
SECTIONS = -ffunction-sections -fdata-sections
CFLAGS = -O2 -fno-pie -fstack-protector-strong -fno-asynchronous-unwind-tables
# Every agent is a process of this binary: few segments and nothing to
# relocate keep the private pages of an idle one few.
LDFLAGS = -static -no-pie -s -Wl,--gc-sections -Wl,-z,norelro -Wl,-z,noseparate-code \
	-Wl,--build-id=none
SAN = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined

# The parts, in layer order: what paglets.c includes.
PARTS := $(shell sed -n 's,^\#include "src/\(.*\)\.c"$$,\1,p' paglets.c)
PARTS := $(foreach p,$(PARTS),$(if $(wildcard src/$p.c),$p))
TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))
E2E := $(wildcard test/e2e/[0-9][0-9]-*.sh)
MBEDTLS = build/mbedtls-src/include

.PHONY: all lib dist test check unit check-one replay e2e layers symbols portable fuzz demo bench clean
.SECONDARY:
.DELETE_ON_ERROR:
all: paglets

# Product

paglets: build/musl/paglets.o build/musl/libmbedcrypto.a
	$(MUSL_CC) $(LDFLAGS) -o $@ $^

build/musl/paglets.o: paglets.c | $(MBEDTLS)
	@mkdir -p $(@D)
	$(MUSL_CC) $(STD) $(WARN) $(CFLAGS) $(SECTIONS) -MMD -MP -c -o $@ $<

build/musl/libpaglets.o: paglets.c | $(MBEDTLS)
	@mkdir -p $(@D)
	$(MUSL_CC) $(STD) $(WARN) -Wno-unused-function $(CFLAGS) $(SECTIONS) -DPAGLETS_LIB -MMD -MP -c -o $@ $<

lib: libpaglets.a
libpaglets.a: build/musl/libpaglets.o build/musl/libmbedcrypto.a
	ld -r -o build/musl/joined.o $^
	objcopy -w --keep-global-symbol='paglets_*' build/musl/joined.o
	rm -f $@ && ar rcs $@ build/musl/joined.o

dist: scripts/dist | $(MBEDTLS)
	scripts/dist dist
	$(MUSL_CC) $(STD) $(WARN) $(CFLAGS) -c -o build/dist.o dist/paglets.c

$(MBEDTLS): third_party/mbedtls.sh
	third_party/mbedtls.sh source && touch $@
build/%/libmbedcrypto.a: third_party/mbedtls.sh third_party/paglets_mbedtls_config.h | $(MBEDTLS)
	third_party/mbedtls.sh $*

# Tests. A test links with the parts that its line "parts: ..." names, each
# compiled alone, and wraps the functions that a line "wrap: ..." names.

build/unit/%.o: src/%.c | $(MBEDTLS)
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(SAN) -DPG_TEST -MMD -MP -c -o $@ $<
build/unit/test_%.o: test/unit/test_%.c | $(MBEDTLS)
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(SAN) -DPG_TEST -MMD -MP -c -o $@ $<
build/unit/test_%: build/unit/test_%.o build/san/libmbedcrypto.a
	$(CC) $(SAN) -o $@ $(filter %.o,$^) build/san/libmbedcrypto.a -lcmocka \
		$(addprefix -Wl$(comma)--wrap=,$(call line,wrap,test/unit/test_$*.c))
build/fuzz/fuzz_%: test/fuzz/fuzz_%.c build/glibc/libmbedcrypto.a
	@mkdir -p $(@D)
	$(CLANG) $(STD) $(FUZZ) -fsanitize=fuzzer -DPG_TEST -MMD -MP -MF $@.d -o $@ $< \
		$(patsubst %,src/%.c,$(call line,parts,$<)) build/glibc/libmbedcrypto.a
build/unit/fuzz_%.o: test/fuzz/fuzz_%.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(SAN) -DPG_TEST -MMD -MP -c -o $@ $<
build/unit/replay.o: test/fuzz/replay.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(SAN) -MMD -MP -c -o $@ $<
build/unit/fuzz_%: build/unit/fuzz_%.o build/unit/replay.o build/san/libmbedcrypto.a
	$(CC) $(SAN) -o $@ $(filter %.o,$^) build/san/libmbedcrypto.a

comma := ,
line = $(shell sed -n 's,^/\* $(1): \(.*\) \*/$$,\1,p' $(2))
objects = $(patsubst %,build/unit/%.o,$(call line,parts,$(1)))
$(foreach t,$(TESTS),$(eval build/unit/$t: $(call objects,test/unit/$t.c)))
$(foreach f,$(FUZZERS),$(eval build/unit/$f: $(call objects,test/fuzz/$f.c)))

# Gates

test:
	scripts/setup
	$(MAKE) paglets
	$(MAKE) check
check: layers symbols portable dist
	rm -f build/tally
	$(MAKE) unit replay
	$(MAKE) e2e
	test/run --sum build/tally

unit: $(TESTS:%=build/unit/%)
	test/run --tally build/tally $^
replay: $(FUZZERS:%=build/unit/%)
	test/run --tally build/tally $^
e2e: paglets
	test/run --tally build/tally $(E2E)
layers: $(PARTS:%=build/unit/%.o)
	scripts/layers $(PARTS)
symbols: build/musl/paglets.o libpaglets.a
	scripts/symbols build/musl/paglets.o libpaglets.a
portable: | $(MBEDTLS)
	$(CC) $(STD) $(WARN) -Werror -O2 -c -o build/portable-gcc.o paglets.c
	$(CLANG) $(STD) $(WARN) -Werror -fsyntax-only paglets.c
check-one: build/san/libmbedcrypto.a
	@true
fuzz: $(FUZZERS:%=build/fuzz/%)
	for f in $(FUZZERS); do test/fuzz/run $$f $(FUZZ_SECONDS) || exit 1; done
demo: paglets
	scripts/demo
bench: paglets
	test/bench/run
clean:
	rm -rf build/unit build/fuzz build/musl build/san build/glibc dist paglets libpaglets.a

-include $(shell find build/unit build/musl build/fuzz -name "*.d" 2>/dev/null)
