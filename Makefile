# Seaworthy. `make help` lists what there is.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
LDFLAGS   = -s -w -X main.version=$(VERSION)
PARALLEL ?= 2 # packages tested at once; several start an engine each
TESTS    ?= ./...

# What is taken from Debian: for running, for the base images, for the tests, for the comparisons.
RUN   = runc crun iptables ca-certificates
BASES = mmdebstrap
TEST  = busybox-static iproute2 curl jq wrk
BENCH = nginx haproxy docker.io

# What Seaworthy carries within itself: the small programs that run beside what serves.
PROGRAMS = ./internal/edge/server/seaworthy-edge ./internal/runtime/shim/seaworthy-shim ./internal/runtime/aide/seaworthy-aide

export CGO_ENABLED = 0
SHELL = /bin/bash

.DEFAULT_GOAL = help
.PHONY: help build bases demo demo-clean test much lint bench generate picture fresh vm clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/seaworthy, one static binary
	$(GO) build -trimpath -buildvcs=false -ldflags "-s -w" -o internal/program/embedded/ $(PROGRAMS)
	$(GO) build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o bin/seaworthy .

bases: ## base images for machines that reach no public registry, in .cache/bases
	@tools/packages $(BASES)
	$(GO) run ./bases

demo: ## the main job on examples/hrefcounter, from nothing to a rollback; at PORT (8080, or the next that is free)
	@tools/packages $(RUN) $(BASES) curl wrk
	@$(MAKE) --no-print-directory build bases
	@demo/demo.sh

demo-clean: ## remove everything that the demo has made
	@demo/demo.sh clean

test: ## set-up, go vet and all tests, the end-to-end ones on a real engine included; needs root
	@tools/packages $(RUN) $(BASES) $(TEST)
	@$(MAKE) --no-print-directory build bases
	$(GO) vet ./...
	$(GO) test -p $(PARALLEL) -timeout 20m $(TESTS)
	cd examples/hrefcounter && $(GO) vet ./... && $(GO) test ./...

much: ## a step that writes a gigabyte, before a terminal: what memory that takes; needs root
	@$(MAKE) --no-print-directory build bases
	SEAWORTHY_MUCH=1000 $(GO) test -count 1 -v -run TestMuchOutput ./e2e

lint: ## golangci-lint and govulncheck, as tools/go.mod pins them
	$(GO) tool -modfile=tools/go.mod golangci-lint run
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

bench: ## Seaworthy beside its peers, in ratios (docs/bench.md); MEASURE=unchanged,status takes only these
	@tools/packages $(RUN) $(BASES) $(TEST) $(BENCH)
	@$(MAKE) --no-print-directory build bases
	$(GO) run ./bench -run '$(MEASURE)'

generate: ## what is generated from the types: schema and docs
	$(GO) generate ./...

picture: ## the readme's picture, recorded anew on examples/hrefcounter; needs root
	@$(MAKE) --no-print-directory build bases
	@tools/picture

fresh: ## make TARGET (test) in a fresh Debian that has Go, git and make only
	@tools/packages mmdebstrap iproute2 iptables
	@tools/fresh $(or $(TARGET),test)

vm: ## Seaworthy under systemd in a virtual Debian, through a reboot and a power cut; TESTS="internal/runtime internal/build" runs these there, too
	@tools/packages mmdebstrap qemu-system-x86 e2fsprogs
	@$(MAKE) --no-print-directory build bases
	@tools/vm/run $(filter-out ./...,$(TESTS))

clean: ## remove bin and .cache
	rm -rf bin .cache
