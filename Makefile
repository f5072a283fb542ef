# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists what there is.

SHELL      := /bin/bash
GO         ?= go
CLANG      ?= clang-19
LLVM_STRIP ?= llvm-strip-19
IMAGE      ?= ghcr.io/tiercel/tiercel
CASES      ?= ../shared/conformance
# Watching the host needs root; asking for it is left to the last moment.
SUDO       := $(if $(filter 0,$(shell id -u)),,sudo)
# A tag vX.Y.Z names a release; anything else is a development version with its commit.
VERSION    ?= $(or $(patsubst v%,%,$(shell git describe --tags --match 'v*' --dirty 2>/dev/null)),0.1.0-dev+$(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown))
# Without the tag, grpc brings in its tracing pages and keeps the linker from dropping what is not used.
TAGS       := grpcnotrace
LDFLAGS    := -s -w -X github.com/tiercel/tiercel/agent.Version=$(VERSION)

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/tiercel
	@mkdir -p bin
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/tiercel ./agent/cmd/tiercel

image: ## make the container image for amd64 and arm64: archives in dist (needs no container runtime and no registry)
	@rm -rf dist/image && mkdir -p dist/image/amd64 dist/image/arm64 dist/image/notices-amd64 dist/image/notices-arm64
	@$(GO) run ./packaging/build -formats tar -out dist/image/packed -version '$(VERSION)' -tags '$(TAGS)' -ldflags '$(LDFLAGS)' >/dev/null
	@for arch in amd64 arm64; do tar -xzf dist/image/packed/*-linux-$$arch.tar.gz -C dist/image/$$arch --strip-components=1 && \
		cp dist/image/$$arch/usr/share/licenses/tiercel/THIRD-PARTY.txt dist/image/$$arch/usr/share/doc/tiercel/sbom.cdx.json dist/image/notices-$$arch || exit 1; done
	@$(GO) run -C packaging/image . -source ../.. -out ../../dist -name '$(IMAGE)' -version '$(VERSION)' \
		-revision "$$(git rev-parse HEAD)" -created "$$(git log -1 --format=%ct)" \
		$(foreach arch,amd64 arm64,-binary $(arch)=../../dist/image/$(arch)/usr/bin/tiercel -notices $(arch)=../../dist/image/notices-$(arch))

chart: ## pack the Helm chart: an archive in dist
	@mkdir -p dist
	@$(GO) run -C test/manifests ./generate -package ../../dist -version '$(VERSION)' -created "$$(git log -1 --format=%ct)"

run: build ## build if needed, and watch this host with the default rules (ARGS="..." is passed on)
	$(SUDO) bin/tiercel $(ARGS)

# -count=1: what a live test says of this kernel must not come out of a cache.
test: ## all tests; with root and eBPF also the live ones
	$(GO) vet ./...
	$(GO) test -count=1 $(TESTFLAGS) -timeout 20m ./...

test-race: ## the tests that need no kernel, under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m ./...

test-live: build ## only the tests that watch the running kernel; they fail where eBPF cannot be used
	TIERCEL_LIVE=require $(GO) test -count=1 -timeout 10m -v -run 'Live|Scenario' ./modern_bpf/... ./test/...

conformance: ## run the case files of CASES through the real code
	$(GO) run ./test/conformance -cases $(CASES)

bench: ## Go benchmarks of every stage, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./scap/... ./sinsp/... ./rules/... ./test/...

bench-live: build ## start-up, memory and cost per system call on the running kernel (needs root)
	$(SUDO) $(GO) run ./test/bench/livebench $(ARGS)

fuzz: ## run every fuzz target for a short while (FUZZTIME=10s)
	test/fuzz.sh $(or $(FUZZTIME),10s)

generate: ## remake everything that is generated: tables, fillers, compiled probe
	BPF_CLANG=$(CLANG) BPF_STRIP=$(LLVM_STRIP) $(GO) generate ./...

check-generate: generate ## fail when generating changes anything that is committed
	@git diff --exit-code --stat && test -z "$$(git status --porcelain)" || { git status --short; echo "generated files are not up to date: run make generate and commit"; exit 1; }

vmtest: ## the drivers' tests in virtual machines with other kernels (KERNELS="5.10 7" DRIVERS="kmod" ARGS=-resume); needs QEMU 10 and root
	$(SUDO) $(GO) run ./test/vm -kernels '$(KERNELS)' -drivers '$(DRIVERS)' $(ARGS)

vagrant-test: ## the drivers' tests on a real distribution (BOX=debian12 DRIVER=kmod); needs vagrant and a provider
	git archive -o .vagrant-sources.tar HEAD
	DRIVER=$(or $(DRIVER),modern_bpf) vagrant up $(or $(BOX),debian12); rc=$$?; \
		vagrant destroy -f $(or $(BOX),debian12); rm -f .vagrant-sources.tar; exit $$rc

generate-manifests: ## remake packaging/kubernetes and the chart's README out of the chart
	$(GO) run -C test/manifests ./generate

manifests-test: ## the tests of the container image, the Helm chart and the manifests (modules of their own)
	@for dir in packaging/image test/manifests; do $(GO) vet -C $$dir ./... && $(GO) test -C $$dir -count=1 $(TESTFLAGS) ./... || exit 1; done

k8stest: ## manifests and chart on a Kubernetes of one node that is built and run here (long the first time); needs root and containerd
	test/kubernetes/run.sh

pkgtest: ## the packages in machines with systemd, from install to purge (STORIES="life trouble"); needs QEMU 10 and root
	test/pkg/ci.sh

noise: build ## count the alerts of the default rules during ordinary work (ARGS="-only logins", ARGS="-idle 1h"); needs root, debootstrap, docker, QEMU
	$(GO) build -o dist/noise ./test/noise
	$(SUDO) dist/noise $(ARGS)

portability: ## compile the shared probe sources as kernel module and as legacy probe
	$(GO) test -count=1 -v -run Portab ./kmod/... ./bpf/...

packages: ## deb, rpm, apk and tar of this commit, for amd64 and arm64, in dist/ (SIGN_KEY=file, SIGN_KEY_APK=file: signed)
	@GOFLAGS= GOOS= GOARCH= $(GO) run -trimpath ./packaging/build -version '$(VERSION)' -tags '$(TAGS)' -ldflags '$(LDFLAGS)' \
		$(if $(SIGN_KEY),-sign-key '$(SIGN_KEY)') $(if $(SIGN_KEY_APK),-sign-key-apk '$(SIGN_KEY_APK)') $(ARGS)

lint: ## gofmt, go vet, staticcheck, clang-format
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not formatted: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@if command -v clang-format-19 >/dev/null; then \
		clang-format-19 --dry-run --Werror $$(git ls-files '*.c' '*.h' | grep -v /gen/); \
	else echo "clang-format-19 is not installed: C formatting not checked"; fi

fmt: ## format Go and C sources
	gofmt -w $$(git ls-files '*.go')
	clang-format-19 -i $$(git ls-files '*.c' '*.h' | grep -v /gen/)

clean: ## remove what was built
	rm -rf bin dist

.PHONY: help build image chart run test test-race test-live conformance bench bench-live fuzz generate check-generate vmtest pkgtest vagrant-test portability generate-manifests manifests-test k8stest noise packages lint fmt clean
