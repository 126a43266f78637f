# Fuzzing. Included by the Makefile.
#
#   $(B)/fuzz/replay_TARGET         replays inputs, without a fuzzer; with MQSPEC_PCAP=FILE, replay_broker and canary
#                                   write what passes for the last one as a capture
#   $(B)/fuzz/canary                replays inputs against the broker that breaks the statement in MQSPEC_CANARY
#   $(B)/fuzzing/fuzz/TARGET        the libFuzzer program, all rooms with sanitizers
#   $(B)/afl/fuzz/afl_TARGET        the AFL++ program

FUZZ_TARGETS = decode properties topic capture tls broker
FUZZ_LINKED = $(LINKED)
FUZZ_LIBRARIES = $(LDLIBS)
FUZZ_SANITIZE = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SECONDS ?= 30

# A new target needs no more than its name here: its function is fuzz_NAME.
ENTRY = $(if $(filter broker,$*),-DFUZZ_BROKER,$(if $(filter canary,$*),-DFUZZ_BROKER -DCANARY,-DFUZZ_TARGET=fuzz_$*))
$(B)/fuzz/entry_%.o: fuzz/entry.c | $(HEADERS_GENERATED)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(ENTRY) -MMD -MP -c -o $@ $<

$(B)/fuzz/canary: $(B)/fuzz/entry_canary.o $(B)/fuzz/standalone_main.o $(FUZZ_LINKED)
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBRARIES)

$(B)/fuzz/replay_%: $(B)/fuzz/entry_%.o $(B)/fuzz/standalone_main.o $(FUZZ_LINKED)
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBRARIES)

$(B)/fuzz/seeds: $(patsubst %.c,$(B)/%.o,$(wildcard fuzz/seeds*.c)) $(B)/libreference.a $(B)/libcodec.a $(B)/libspec.a
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBRARIES)

# The last step of the two builds below, which come here with a compiler and a build directory of their own.
$(FUZZ_TARGETS:%=$(B)/fuzz/%): $(B)/fuzz/%: $(B)/fuzz/entry_%.o $(FUZZ_LINKED)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBRARIES)

$(B)/fuzz/afl_%: $(B)/fuzz/entry_%.o $(B)/fuzz/afl_main.o $(FUZZ_LINKED)
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBRARIES)

# What the tests run; the other programs are in the Makefile's own list.
test-helpers: $(FUZZ_TARGETS:%=$(B)/fuzz/replay_%)

fuzzers: ## build the libFuzzer programs, build/fuzzing/fuzz/TARGET
	@$(MAKE) --no-print-directory B=$(B)/fuzzing CC=clang OPTIMISE=-O1 SANITIZE='$(FUZZ_SANITIZE)' \
	    $(FUZZ_TARGETS:%=$(B)/fuzzing/fuzz/%)

afl: ## build the AFL++ programs, build/afl/fuzz/afl_TARGET
	@$(MAKE) --no-print-directory B=$(B)/afl CC=afl-clang-fast $(FUZZ_TARGETS:%=$(B)/afl/fuzz/afl_%)

fuzz-smoke: fuzzers ## fuzz each target for FUZZ_SECONDS (30)
	@for target in $(FUZZ_TARGETS); do \
	    fuzz/run.sh $(B)/fuzzing/fuzz/$$target $(B)/fuzzing $$target $(FUZZ_SECONDS) || exit 1; done

fuzz-speed: $(FUZZ_TARGETS:%=$(B)/fuzz/replay_%) ## measure executions a second without sanitizers
	@for target in $(FUZZ_TARGETS); do \
	    printf '%-12s' $$target; $(B)/fuzz/replay_$$target -n 5000 corpus/$$target/* 2>/dev/null || exit 1; done

fuzz-power: ## fuzz the broker with each statement switched off in turn; show which are found, and how soon
	@.ci/install-tools build
	@$(MAKE) --no-print-directory $(B)/mqspec
	fuzz/power.py $(B) $(STATEMENTS)

seeds: $(B)/fuzz/seeds ## write the seeds of fuzz/seeds*.c to corpus/ again
	$(B)/fuzz/seeds corpus

.PHONY: fuzzers afl fuzz-power fuzz-smoke fuzz-speed seeds
