# EPO: `make` alone lists what there is. Everything fetches what it needs by itself (tools/setup says what and why).
.DEFAULT_GOAL := help
GO := tools/go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/epo-dev/epo/internal/version.version=$(VERSION)
PACKAGES := ./...
TEST_FLAGS ?=

.PHONY: help up down dev build setup test check vet race corpus soak screenshots bench fuzz golden clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: build ## install what is missing, build, start everything, print the address and a first sign-in (Ctrl-C stops it)
	@bin/epo up

down: ## stop what `make up` started, from another terminal
	@[ ! -x bin/epo ] || bin/epo down

setup: ## find or fetch Go, PowerShell and PostgreSQL
	@tools/setup

build: setup web/dist/index.html ## bin/epo (with the console in it) and bin/epo-agent
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/epo ./cmd/epo-agent

# The console is built when one of its sources is newer than the last build.
web/dist/index.html: $(shell find web/src web/public web/build web/index.html web/package-lock.json web/vite.config.ts -type f 2>/dev/null)
	@tools/setup console

test: setup build vet ## the whole test suite
	@tools/setup sshd chromium
	@cd web && npm run --silent check && npm test --silent
	@$(GO) test -timeout 25m $(TEST_FLAGS) $(PACKAGES)

check: setup vet ## format, vet and lint only

vet:
	@out=$$(gofmt=$$($(GO) env GOROOT)/bin/gofmt; git ls-files -co --exclude-standard '*.go' ':!vendor' | xargs "$$gofmt" -l); [ -z "$$out" ] || { echo "not formatted (gofmt -w):"; echo "$$out"; exit 1; }
	@$(GO) vet $(PACKAGES)
	@$(GO) tool staticcheck $(PACKAGES)
	@GOOS=windows $(GO) build -o /dev/null ./cmd/epo-agent && GOOS=darwin $(GO) build -o /dev/null ./cmd/epo-agent

race: setup ## the tests of the concurrent packages under the race detector
	@CGO_ENABLED=1 $(GO) test -race -timeout 30m ./psrp/... ./internal/agent/... ./internal/executor/... ./internal/server/... ./internal/gateway/... ./internal/token/...

corpus: setup ## every script of testdata/ps-corpus through the executor, here, over SSH and over WinRM (`make test` runs a sample)
	@tools/setup sshd
	@EPO_CORPUS=all $(GO) test -count=1 -timeout 180m -run TestCorpus ./internal/executor/

soak: setup ## 10,000 pipelines on one pool with a scripted server, and 5 minutes of them on a real engine
	@EPO_SOAK=10000 EPO_SOAK_ENGINE=5m $(GO) test -count=1 -v -timeout 30m -run 'Soak' ./psrp ./psrp/stdio

dev: setup build ## the whole stack with the console reloading as its sources change, on http://127.0.0.1:5173 (Ctrl-C stops it)
	@tools/dev

screenshots: setup build ## take the pictures of docs/screenshots from a running EPO with sample data
	@tools/setup chromium
	@cd web && EPO_CHROMIUM="$$(../tools/setup --path chromium)" node e2e/screenshots.mjs ../bin ../docs/screenshots

bench: setup build ## the benchmarks behind docs/performance.md
	@$(GO) run ./test/bench

fuzz: setup ## every fuzz target for FUZZTIME (default 30s) each
	@tools/fuzz $${FUZZTIME:-30s}

golden: setup ## write the golden files again (look at the difference before you commit)
	@$(GO) test ./db/... ./internal/cli/... -update

clean: ## stop everything and remove what was built, fetched and stored, the data of `make up` included
	@[ ! -x bin/epo ] || bin/epo down --delete-data
	@chmod -R u+w .tools 2>/dev/null || true
	rm -rf bin .tools web/node_modules web/dist/assets web/dist/index.html*
