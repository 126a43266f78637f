# mqspec. `make help` lists the targets.

B ?= build
CC = gcc
OPTIMISE ?= -O2
SANITIZE ?=
CFLAGS += -std=c11 $(OPTIMISE) -g -Wall -Wextra -Werror -D_GNU_SOURCE $(SANITIZE)
# For builds that differ, as -DMQSPEC_NO_DEVIATIONS.
DEFINES ?=
CPPFLAGS += -I. -I$(B) $(DEFINES)
LDFLAGS += $(SANITIZE)
LDLIBS = -lpcap -lssl -lcrypto -largon2 -lwslay -linih -llmdb -lm

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# ---- Rooms, lowest first. Each is an archive; a room links with those below it. --------------------------------

ROOMS = spec codec reference reports pcaps conformance fuzz
ARCHIVES = $(ROOMS:%=$(B)/lib%.a)
# The linker wants users before what they use.
LINK_ORDER = fuzz conformance pcaps reports reference codec spec
LINKED = $(LINK_ORDER:%=$(B)/lib%.a)

# Each is a program of its own, or a part of one.
FUZZ_PROGRAMS = fuzz/afl_main.c fuzz/entry.c fuzz/seeds%.c fuzz/standalone_main.c
sources = $(filter-out $(FUZZ_PROGRAMS),$(wildcard $(1)/*.c)) $(if $(filter conformance,$(1)),$(wildcard conformance/scenarios/*.c))
objects = $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))

HEADERS_GENERATED = $(B)/spec/statements.h
TABLES = spec/mqtt-3.1.1.tsv spec/mqtt-5.0.tsv

all: $(B)/mqspec ## build build/mqspec

$(B)/mqspec: $(B)/mqspec.o $(LINKED) $(B)/spec/places.o
	$(CC) $(LDFLAGS) -o $@ $(B)/mqspec.o $(B)/spec/places.o $(LINKED) $(LDLIBS)

$(B)/libspec.a: $(call objects,spec) $(B)/spec/rows.o
$(B)/libcodec.a: $(call objects,codec)
$(B)/libreference.a: $(call objects,reference)
$(B)/libreports.a: $(call objects,reports) $(B)/reports/page.o
$(B)/libpcaps.a: $(call objects,pcaps)
$(B)/libconformance.a: $(call objects,conformance)
$(B)/libfuzz.a: $(call objects,fuzz)
$(ARCHIVES):
	rm -f $@
	ar rcs $@ $^

# ---- What the tables of statements become -----------------------------------------------------------------------

$(B)/spec/statements.h: spec/generate.awk $(TABLES)
	@mkdir -p $(@D)
	awk -v part=header -f spec/generate.awk $(TABLES) > $@

$(B)/spec/rows.c: spec/generate.awk $(TABLES)
	@mkdir -p $(@D)
	awk -v part=rows -f spec/generate.awk $(TABLES) > $@

$(B)/reports/page.c: reports/embed.awk reports/page.css reports/common.js reports/page.js reports/findings.js
	@mkdir -p $(@D)
	awk -v name=page_style -f reports/embed.awk reports/page.css > $@
	cat reports/common.js reports/page.js | awk -v name=page_script -f reports/embed.awk >> $@
	cat reports/common.js reports/findings.js | awk -v name=findings_script -f reports/embed.awk >> $@

# Where statements are obeyed and tested: found in the sources, and told by the scenario tables themselves.
ANNOTATED = $(wildcard codec/*.[ch] reference/*.[ch])
SCENARIO_OBJECTS = $(patsubst %.c,$(B)/%.o,$(wildcard conformance/scenarios/*.c))

$(B)/conformance/list_statements: $(B)/conformance/tools/list_statements.o $(SCENARIO_OBJECTS) $(B)/conformance/scenario_set.o \
    $(B)/conformance/arena.o $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^

$(B)/spec/tested.txt: $(B)/conformance/list_statements
	$< > $@

$(B)/spec/places.c: spec/places.awk $(B)/spec/tested.txt $(ANNOTATED) $(TABLES)
	awk -f spec/places.awk $(TABLES) $(B)/spec/tested.txt $(ANNOTATED) > $@

# ---- Compiling ---------------------------------------------------------------------------------------------------

# Scenario tables give a default for every field and then the scenario's own value.
$(B)/conformance/scenarios/%.o $(B)/conformance/tests/%.o: CFLAGS += -Wno-override-init

$(B)/%.o: %.c | $(HEADERS_GENERATED)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: $(B)/%.c | $(HEADERS_GENERATED)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- Unit tests: each */tests/test_*.c is a CMocka program --------------------------------------------------------

TEST_SOURCES = $(wildcard $(addsuffix /tests/test_*.c,$(ROOMS)))
TEST_PROGRAMS = $(TEST_SOURCES:%.c=$(B)/%)

# The archives a room's tests link with: the room itself and all below it.
below_spec = spec
below_codec = codec spec
below_reference = reference codec spec
below_reports = reports spec
below_pcaps = pcaps reports reference codec spec
below_conformance = conformance pcaps reports reference codec spec
below_fuzz = fuzz conformance pcaps reports reference codec spec

define test_rule
$(B)/$(1)/tests/test_%: $(B)/$(1)/tests/test_%.o $(foreach room,$(below_$(1)),$(B)/lib$(room).a) $(if $(filter spec,$(1)),$(B)/spec/places.o)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LDLIBS)
endef
$(foreach room,$(ROOMS),$(eval $(call test_rule,$(room))))
.PRECIOUS: $(B)/%.o

include fuzz/fuzz.mk

# What the test scripts run besides mqspec.
$(B)/reports/sample_report: $(B)/reports/tests/sample_report.o $(B)/libreports.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^

$(B)/reference/crash: $(B)/reference/tests/crash.o $(B)/libreference.a $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---- libmqspec: the broker inside other programs ------------------------------------------------------------------

# The number is that of the binary interface: it changes when programs have to be compiled again.
SONAME = libmqspec.so.0
VERSION := $(shell sed -n 's/^.define MQSPEC_VERSION "\(.*\)"/\1/p' command.h)
PREFIX ?= /usr/local
LIBRARY_LDLIBS = -lssl -lcrypto -lwslay -llmdb
LIBRARY = $(B)/libmqspec.a $(B)/$(SONAME) $(B)/mqspec.pc
PIC_OBJECTS = $(patsubst $(B)/%.o,$(B)/pic/%.o,$(call objects,reference) $(call objects,codec) $(call objects,spec) \
    $(B)/spec/rows.o)

$(B)/pic/%.o: %.c | $(HEADERS_GENERATED)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(B)/pic/%.o: $(B)/%.c | $(HEADERS_GENERATED)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(B)/pic/all.a: $(PIC_OBJECTS)
	rm -f $@
	ar rcs $@ $^

# One object of all that embed.c needs, in which only what the header declares can be seen.
$(B)/pic/mqspec.o: $(B)/pic/reference/embed.o $(B)/pic/all.a
	$(LD) -r -o $@ $^
	objcopy --wildcard --keep-global-symbol='mqspec_*' $@

$(B)/libmqspec.a: $(B)/pic/mqspec.o
	rm -f $@
	ar rcs $@ $^

$(B)/$(SONAME): $(B)/pic/mqspec.o
	$(CC) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--as-needed -o $@ $^ $(LIBRARY_LDLIBS)

# PREFIX is known when it is installed, not before.
$(B)/mqspec.pc: mqspec.pc.in command.h Makefile
	sed -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBRARIES@|$(LIBRARY_LDLIBS)|' $< > $@

library: $(LIBRARY) ## build libmqspec, with which a program runs the broker inside itself

install: $(B)/mqspec $(LIBRARY) ## install mqspec and libmqspec below PREFIX (/usr/local), in DESTDIR
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig)
	install -m 755 $(B)/mqspec $(DESTDIR)$(PREFIX)/bin/mqspec
	install -m 644 include/mqspec.h $(DESTDIR)$(PREFIX)/include/mqspec.h
	install -m 644 $(B)/libmqspec.a $(DESTDIR)$(PREFIX)/lib/libmqspec.a
	install -m 755 $(B)/$(SONAME) $(DESTDIR)$(PREFIX)/lib/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libmqspec.so
	sed 's|@PREFIX@|$(PREFIX)|' $(B)/mqspec.pc > $(DESTDIR)$(PREFIX)/lib/pkgconfig/mqspec.pc

uninstall: ## take away what install has put there
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/mqspec include/mqspec.h lib/libmqspec.a lib/$(SONAME) \
	    lib/libmqspec.so lib/pkgconfig/mqspec.pc)

.PHONY: library install uninstall

test-helpers: library $(B)/pcaps/bench/traffic $(B)/pcaps/bench/latency $(B)/reference/crash $(B)/fuzz/replay_decode $(B)/fuzz/replay_broker $(B)/fuzz/canary $(B)/fuzz/seeds $(B)/reports/sample_report

unit: $(TEST_PROGRAMS)

.PHONY: all unit

# ---- What people run ----------------------------------------------------------------------------------------------

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## install what is missing to build and test (Debian, Ubuntu)
	@.ci/install-tools

# The tools come first: until they are there, nothing can be built.
run: ## play the suite against the built-in broker, or against TARGET=host:port
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec
	@mkdir -p $(B)/reports && rm -f $(B)/reports/report.html
	@$(B)/mqspec test $(if $(TARGET),--target $(TARGET),--every-transport) --html $(B)/reports/report.html $(OPTIONS); \
	    status=$$?; test -s $(B)/reports/report.html && echo "report: $(abspath $(B)/reports/report.html)"; exit $$status

test: ## run all unit and integration tests; T=name runs those whose name holds it
	@.ci/install-tools test
	@$(MAKE) --no-print-directory $(B)/mqspec unit test-helpers
	@.ci/run-tests $(B) '$(T)'

mutants: ## break each rule in turn; show which scenarios notice
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec
	$(B)/mqspec test --mutants

RUNS ?= 200
soak: $(B)/mqspec ## play the suite RUNS (200) times in a row on a machine kept busy
	.ci/soak $(B)/mqspec $(RUNS)

ROUNDS ?= 500
crash: ## kill the broker ROUNDS (500) times under load; no acknowledged message may be lost
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec $(B)/reference/crash
	reference/tests/crash.sh $(B)/mqspec $(B) $(ROUNDS)

bench: ## measure the reference broker beside the brokers installed here
	@.ci/install-tools test
	@$(MAKE) --no-print-directory $(B)/mqspec $(BENCH_PROGRAMS)
	reference/bench/compare.py $(B)

bench-deviations: ## measure what it costs that statements can be switched off, against a build without
	@.ci/install-tools ci
	@$(MAKE) --no-print-directory $(B)/reference/bench/core
	@$(MAKE) --no-print-directory B=$(B)/no-deviations DEFINES=-DMQSPEC_NO_DEVIATIONS $(B)/no-deviations/reference/bench/core
	reference/bench/deviations.sh $(B)/reference/bench/core $(B)/no-deviations/reference/bench/core

coverage: ## show how much of the codec its unit tests reach; at least 98 % of the branches
	@.ci/install-tools coverage
	@codec/coverage.sh $(B)/coverage

field: ## play the suite against real brokers, installed in the build directory; BROKERS="name ..." for some
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec
	conformance/field/run.sh $(B) $(BROKERS)

bench-pcap: ## measure reading captures: rate and memory, beside tshark where it is installed
	@.ci/install-tools ci
	@$(MAKE) --no-print-directory $(B)/mqspec $(B)/pcaps/bench/traffic
	pcaps/bench/bench.py $(B)

bench-proxy: ## measure what the proxy adds to the time of an answer; it has to be less than 100 microseconds
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec $(B)/pcaps/bench/latency
	pcaps/bench/proxy.sh $(B)/mqspec $(B)

bench-codec: $(B)/codec/bench/codec ## measure decoding and encoding, packets and bytes a second on one core
	$(B)/codec/bench/codec

format: ## lay out the sources as .clang-format says
	clang-format -i $(FORMATTED)

lint: ## check layout, rooms, function and file lengths
	clang-format --dry-run -Werror $(FORMATTED)
	.ci/check-tree

ci: ## all that the gate checks
	.ci/run

clean: ## remove what was built
	rm -rf $(B)

FORMATTED = $(shell git ls-files '*.c' '*.h')

BENCH_PROGRAMS = $(patsubst %,$(B)/reference/bench/%,core load subscriptions)
$(BENCH_PROGRAMS): %: %.o $(B)/libreference.a $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/pcaps/bench/traffic: $(B)/pcaps/bench/traffic.o $(B)/libpcaps.a $(B)/libreference.a $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/pcaps/bench/latency: $(B)/pcaps/bench/latency.o $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^

$(B)/codec/bench/codec: $(B)/codec/bench/codec.o $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^

.PHONY: bench-codec bench-deviations bench-pcap bench-proxy coverage field crash
.PHONY: help tools run test test-helpers mutants soak bench format lint ci clean
