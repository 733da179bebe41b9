# Two commands set everything up: `make demo` and `make test`. Nothing is installed twice; `make help` lists the rest.

# The newest Python here that the package supports; override with make PYTHON=/path/to/python.
PYTHON := $(or $(PYTHON),$(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := $(BIN)/mobile-deploy
DEMO := build/demo
DEMO_NET := --variant v2 --alpha 0.35 --resolution 96
DEMO_NAME := mobilenet_v2_0.35_96
ANDROID := build/android

# Two test processes share two cores; each keeps TensorFlow to one thread.
THREADS := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
PYTEST := $(THREADS) $(BIN)/python -m pytest -q --durations=15

# With REQUIRE_ADB=1 a missing adb is a failure and not a reason to skip; likewise REQUIRE_ANDROID with
# what builds the app, and REQUIRE_RUNTIMES with the other runtimes.
export REQUIRE_ADB REQUIRE_ANDROID

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-train adb test test-slow test-long test-pythons android android-tools test-runtimes check \
	format lock wheel bench clean ci

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## install the locked packages into .venv

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found"; \
		echo "hint: apt-get install python3 python3-venv, or make PYTHON=/path/to/python3.12"; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing python3-venv, which Debian keeps apart from python3"; \
			apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; \
		else \
			echo "error: $(PYTHON) cannot make virtual environments"; \
			echo "hint: sudo apt-get install python3-venv"; exit 3; \
		fi
	@echo "installing the locked packages into $(VENV) (about 2 GB, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## the network that ships: exported, scored on new pictures, asked, drawn and timed
	$(RUN) variants
	rm -rf $(DEMO)
	$(BIN)/python -m mobile_deploy.data.demo $(DEMO)/pictures --per-class 20 --seed 2
	$(RUN) export $(DEMO_NET) --weights demo --quant float32,int8 --output $(DEMO)
	$(RUN) evaluate $(DEMO)/$(DEMO_NAME)-int8 --data $(DEMO)/pictures --against $(DEMO)/$(DEMO_NAME)-float32
	$(RUN) evaluate $(DEMO)/$(DEMO_NAME)-int8 --data $(DEMO)/pictures --sheet $(DEMO)/answers.png
	$(RUN) predict $(DEMO)/$(DEMO_NAME)-int8 $(DEMO)/pictures/boat/boat_00000.jpg
	$(RUN) benchmark $(DEMO)/$(DEMO_NAME)-float32 $(DEMO)/$(DEMO_NAME)-int8 --host --quick --output $(DEMO)

demo-train: $(READY)  ## train the network that ships again, at most 8 minutes on 2 cores
	rm -rf $(DEMO)-train
	$(BIN)/python -m mobile_deploy.data.demo $(DEMO)-train/pictures
	$(RUN) train $(DEMO_NET) --weights none --data $(DEMO)-train/pictures --epochs 25 --label-smoothing 0 \
		--quant float32 --output $(DEMO)-train
	$(BIN)/python -m mobile_deploy.data.demo $(DEMO)-train/unseen --per-class 50 --seed 3
	$(RUN) evaluate $(DEMO)-train/$(DEMO_NAME)-float32 --data $(DEMO)-train/unseen --fail-below 90
	cp $(DEMO)-train/$(DEMO_NAME)-training/weights.h5 mobile_deploy/models/demo_$(DEMO_NAME).h5

adb:
	@command -v adb >/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing adb, which the tests drive against a fake phone"; \
			apt-get update -qq && apt-get install -y -qq adb >/dev/null; \
		else \
			echo "no adb here, so the tests that drive it are skipped: sudo apt-get install adb"; \
		fi

test: $(READY) adb  ## the tests, at most 20 minutes on 2 cores
	$(PYTEST) -n 2 --dist loadscope -m "not slow and not long and not android and not runtimes"

test-slow: $(READY) adb  ## the tests that take minutes each
	$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder -m "slow and not android"

test-long: $(READY)  ## trainings that take even longer, which CI leaves out
	$(PYTEST) -n 2 --dist loadscope -m long

test-pythons: $(READY)  ## the installed wheel under every supported Python that is here
	$(BIN)/python tests/run_pythons.py $(PYTHONS)

# Java has a list of certificates of its own, which lacks what was added to the machine before Java came.
android-tools:
	@missing=$$(for p in javac:openjdk-17-jdk-headless mvn:maven aapt2:aapt zipalign:zipalign apksigner:apksigner; do \
		command -v $${p%%:*} >/dev/null || echo $${p#*:}; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing" $$missing "for the Android app"; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		update-ca-certificates --fresh >/dev/null; \
	elif [ -n "$$missing" ]; then \
		echo "the Android app cannot be built here: sudo apt-get install" $$missing; \
	fi

android: $(READY) android-tools  ## the Android app with the network that ships: built, checked, its Kotlin tested
	rm -rf $(ANDROID)
	$(RUN) export $(DEMO_NET) --weights demo --quant int8,float32 --golden --output $(ANDROID)
	$(RUN) app build $(ANDROID)/$(DEMO_NAME)-int8 $(ANDROID)/$(DEMO_NAME)-float32 --output $(ANDROID)
	$(RUN) app check $(ANDROID)/mobile-deploy-demo.apk
	$(PYTEST) -n 2 --dist loadscope -m android

test-runtimes: $(READY) android-tools  ## LiteRT, the app's code, its runtime and MediaPipe answer alike, 6 minutes
	@ldconfig -p | grep -q libGLESv2.so.2 && ldconfig -p | grep -q libEGL.so.1 || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing libgles2 and libegl1, which MediaPipe loads"; \
			apt-get update -qq && apt-get install -y -qq libgles2 libegl1 >/dev/null; \
		fi
	$(THREADS) $(BIN)/python tests/run_runtimes.py $(if $(REQUIRE_RUNTIMES),--require)

check: $(READY)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## resolve the packages again, with hashes
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-annotate --custom-compile-command "make lock" --quiet --output-file requirements.lock
	$(BIN)/uv pip compile tests/mediapipe.in --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-annotate --custom-compile-command "make lock" --quiet --output-file tests/mediapipe.lock
	$(BIN)/python -m mobile_deploy.android.artifacts

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

bench: $(READY)  ## export, a step of --qat and benchmark --host, each beside its peer
	$(BIN)/python benchmarks/export_against_plain_tools.py
	$(BIN)/python benchmarks/qat_step_against_float_step.py
	$(BIN)/python benchmarks/host_against_litert_benchmark.py

clean:  ## remove what was built, keep .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache

ci: check test test-slow test-pythons android test-runtimes  ## everything
