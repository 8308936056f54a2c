# Every target first sets up what it needs and is missing (scripts/setup.sh), so each works
# in a clean clone: Linux, rustup, Node.js and a C compiler are all that must be there.
.DEFAULT_GOAL := help
.PHONY: help setup run test versions oracle chaos rolling build release bench

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install everything that the other targets need
	@scripts/setup.sh all

run: ## start Rowcast on demo data and print the address to open
	@scripts/setup.sh run
	@scripts/run.sh

test: ## run every test: unit, property, database, browser
	@scripts/setup.sh test
	@scripts/test.sh

versions: ## run the tests that touch a database with PostgreSQL 14 to 18 (VERSIONS="14 18", TESTS="capture live")
	@scripts/setup.sh test
	@VERSIONS="$(VERSIONS)" TESTS="$(TESTS)" scripts/versions.sh

oracle: ## compare live queries with SQL under random writes and crashes (SECONDS=600, SEED=…, SOURCE=replication)
	@scripts/setup.sh test
	@ORACLE_SECONDS=$(or $(SECONDS),60) ORACLE_SEED=$(SEED) ORACLE_SOURCE=$(SOURCE) scripts/oracle.sh

chaos: ## kill, stop and cut off servers, Redis, nginx, PostgreSQL under clients (SECONDS=600, CLIENTS=200, SEED=…)
	@scripts/setup.sh test
	@ROWCAST_CHAOS_SECONDS=$(or $(SECONDS),60) ROWCAST_CHAOS_CLIENTS=$(or $(CLIENTS),40) \
		ROWCAST_CHAOS_SEED=$(SEED) scripts/chaos.sh

rolling: ## replace servers one after another under clients and page loads, and measure (DRAIN=30, CLIENTS=200, FROM=REVISION)
	@scripts/setup.sh test
	@FROM=$(FROM) ROWCAST_ROLLING_DRAIN=$(or $(DRAIN),30) ROWCAST_CHAOS_CLIENTS=$(or $(CLIENTS),40) \
		scripts/chaos.sh servers_are_replaced

build: ## build target/release/rowcast and target/site, optimised
	@scripts/setup.sh build
	cargo xtask site --release
	cargo build --release --package server

release: ## build target/dist: an archive that runs anywhere, its checksums, what it is made of
	@scripts/setup.sh release
	@scripts/release.sh

bench: ## run the benchmarks (PART=route: one of them)
	@scripts/setup.sh bench
	@scripts/bench.sh
