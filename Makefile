# paglets. `make` builds ./paglets; `make test` is all a newcomer needs.
#
#   make       ./paglets: static, musl         make test   setup, build, check
#   make lib   libpaglets.a for embedders      make check  all gates but the next two
#   make dist  dist/paglets.c, self-contained  make fuzz   libFuzzer, FUZZ_SECONDS each
#   make demo  two hosts and an agent, told    make bench  figures beside their floors
#
# V=1 shows the commands, -j1 runs one at a time. What is built lies in build/.

CC = gcc
CLANG = clang
MUSL_CC = musl-gcc
FUZZ_SECONDS = 30
export CC MBEDTLS_TARBALL
Q = $(if $(V),,@echo "  $@";)
MAKEFLAGS += --no-builtin-rules $(if $(MAKELEVEL:0=),,-j$(shell nproc))

LANG_C = -std=gnu11 -D_GNU_SOURCE -Ithird_party -isystem build/mbedtls-src/include \
	-DMBEDTLS_CONFIG_FILE='<paglets_mbedtls_config.h>'
STD = $(LANG_C) -Isrc -I. -MMD -MP
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
CFLAGS = -O2 -fno-pie -fstack-protector-strong -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections
# Every agent is a process of this binary: few segments and nothing to
# relocate keep the private pages of an idle one few.
LDFLAGS = -static -no-pie -s -Wl,--gc-sections,-z,norelro,-z,noseparate-code,--build-id=none
SAN = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined

# The parts in layer order: what paglets.c includes.
PARTS := $(shell sed -n 's,^.include "src/\(.*\)\.c"$$,\1,p' paglets.c)
TESTS := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))
E2E := $(wildcard test/e2e/[0-9]*-*.sh)
TOOLS := $(patsubst test/%.c,build/%,$(wildcard test/tools/*.c))
MBEDTLS = build/mbedtls-src/include
$(shell mkdir -p $(patsubst src/%,build/unit/%,$(wildcard src/* src/*/*/.)) build/musl build/one build/tools build/portable \
	$(FUZZERS:fuzz_%=build/fuzz/corpus_%))

.PHONY: all lib dist test check unit check-one e2e layers symbols portable fuzz demo sim bench clean
.DELETE_ON_ERROR .SECONDARY:
all: paglets

# Product
build/musl/paglets.o: paglets.c | $(MBEDTLS)
	@command -v $(MUSL_CC) >/dev/null || { echo "There is no $(MUSL_CC): run scripts/setup" >&2; exit 1; }
	$(Q)$(MUSL_CC) $(STD) $(WARN) $(CFLAGS) -c -o $@ $<
paglets: build/musl/paglets.o build/musl/libmbedcrypto.a
	$(Q)$(MUSL_CC) $(LDFLAGS) -o $@ $^
lib: libpaglets.a
libpaglets.a: build/musl/paglets.o build/musl/libmbedcrypto.a
	$(Q)ld -r -o build/musl/joined.o $^
	@objcopy -w --keep-global-symbol='paglets_*' build/musl/joined.o
	@rm -f $@ && ar rcs $@ build/musl/joined.o
dist: dist/paglets.c
dist/paglets.c: paglets.c paglets.h $(wildcard src/*/*.[ch] src/*/*/*.[ch]) scripts/dist
	@scripts/dist dist
$(MBEDTLS):
	$(Q)third_party/mbedtls.sh source
build/%/libmbedcrypto.a: third_party/mbedtls.sh third_party/paglets_mbedtls_config.h | $(MBEDTLS)
	$(Q)third_party/mbedtls.sh $*

# Tests: each links with the parts, compiled alone, that its line "parts:"
# names; a line "wrap:" names functions that it puts its own in place of.
vpath %.c src test/unit test/fuzz
line = $(shell sed -n 's,^/\* $(1): \(.*\) \*/$$,\1,p' $(2))
define links_with_parts
build/unit/$(notdir $1): $(patsubst %,build/unit/%.o,$(call line,parts,$1.c))
build/unit/$(notdir $1): WRAP = $(patsubst %,-Xlinker --wrap=%,$(call line,wrap,$1.c))
endef
$(foreach t,$(TESTS:%=test/unit/%) $(FUZZERS:%=test/fuzz/%),$(eval $(call links_with_parts,$t)))

build/unit/%.o: %.c | $(MBEDTLS)
	$(Q)$(CC) $(STD) $(WARN) $(SAN) -DPG_TEST -c -o $@ $<
$(FUZZERS:%=build/unit/%): build/unit/replay.o
$(TESTS:%=build/unit/%) $(FUZZERS:%=build/unit/%): build/unit/%: build/unit/%.o build/san/libmbedcrypto.a
	$(Q)$(CC) $(SAN) $(WRAP) -o $@ $(filter %.o,$^) build/san/libmbedcrypto.a -lcmocka -lm
build/one/test_%: test/unit/test_%.c paglets.c build/san/libmbedcrypto.a
	$(Q)$(CC) $(STD) $(SAN) -w -DPG_TEST -DPAGLETS_LIB -include paglets.c -o $@ $< build/san/libmbedcrypto.a -lcmocka -lm
build/tools/ring build/tools/outside build/tools/keeper: build/tools/%: test/tools/%.c libpaglets.a
	$(Q)$(MUSL_CC) $(STD) $(WARN) $(LDFLAGS) -o $@ $^
build/tools/skewed: test/tools/skewed.c build/musl/paglets.o build/musl/libmbedcrypto.a
	$(Q)$(MUSL_CC) $(STD) $(WARN) $(LDFLAGS) -Wl,--wrap=clock_gettime -o $@ $^
build/tools/%: test/tools/%.c build/glibc/libmbedcrypto.a
	$(Q)$(CC) $(STD) $(WARN) -O2 -DPG_TEST -MF $@.d -o $@ $< \
		$(patsubst %,src/%.c,$(call line,parts,$<)) build/glibc/libmbedcrypto.a -lm
build/fuzz/fuzz_%: test/fuzz/fuzz_%.c build/glibc/libmbedcrypto.a
	$(Q)$(CLANG) $(STD) $(SAN) -fsanitize=fuzzer -DPG_TEST -MF $@.d -o $@ $< \
		$(patsubst %,src/%.c,$(call line,parts,$<)) build/glibc/libmbedcrypto.a -lm

# Gates
UNIT = $(TESTS:%=build/unit/%)
REPLAY = $(foreach f,$(FUZZERS),"build/unit/$f $(wildcard test/data/$(f:fuzz_%=%))")

test:
	@scripts/setup
	@$(MAKE) --no-print-directory check
check: layers symbols portable dist paglets $(TOOLS) $(UNIT) $(FUZZERS:%=build/unit/%)
	@test/run $(UNIT) $(REPLAY) $(E2E)
unit: $(UNIT) ; @test/run $(UNIT)
e2e: paglets $(TOOLS) ; @test/run $(E2E)
check-one: $(foreach t,$(TESTS),$(if $(call line,wrap,test/unit/$t.c),,build/one/$t))
	@test/run $^
layers: $(PARTS:%=build/unit/%.o) ; @scripts/layers $(PARTS)
symbols: build/musl/paglets.o libpaglets.a ; @scripts/symbols $^
portable: build/portable/gcc.o build/portable/clang.o
build/portable/%.o: dist/paglets.c | $(MBEDTLS)
	$(Q)$(if $(filter gcc,$*),$(CC),$(CLANG)) $(LANG_C) $(WARN) -Werror -O2 -c -o $@ $<
fuzz: $(FUZZERS:%=build/fuzz/%)
	for f in $(FUZZERS:fuzz_%=%); do build/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
		-rss_limit_mb=512 -artifact_prefix=build/fuzz/ build/fuzz/corpus_$$f $$(ls -d test/data/$$f) || exit 1; done
demo:
	@scripts/setup build
	@$(MAKE) --no-print-directory paglets
	scripts/demo
sim: build/tools/mesh_sim ; $<
bench: paglets ; test/bench/run
clean:
	rm -rf build/[!m]* build/musl dist paglets libpaglets.a
-include $(shell find build/musl build/unit build/one build/fuzz build/tools -name '*.d' 2>/dev/null)
