# Two commands to know: `make demo` and `make test`. Both set up .venv from the locked versions first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export WORKSPACE ?= workspace
# A file of settings for the demo; none: the defaults.
SETTINGS :=

# glibc gives the memory of every large tensor back to the kernel and asks for it anew; keeping it
# makes sampling on a CPU about 15 % faster. Other C libraries ignore these.
export MALLOC_MMAP_MAX_ ?= 0
export MALLOC_TRIM_THRESHOLD_ ?= 2147483647

.PHONY: demo test label gpu check fix clean

demo: $(READY)  ## one whole round on the embedded emoji world, with simulated raters, and its report
	$(BIN)/tastemaker demo $(SETTINGS) --workspace $(WORKSPACE)

test: $(READY)  ## every test that can run here, one on each core; what is skipped is named at the end
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4

label: $(READY)  ## compare pairs yourself, in the browser, on the same workspace
	$(BIN)/tastemaker label --workspace $(WORKSPACE)

gpu: $(READY)  ## speed, memory and exactness at Stable Diffusion's size, random weights; small on a CPU
	$(BIN)/python -m benchmarks.gpu

check: $(READY)  ## lint, format, types, import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fix: $(READY)  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment (workspaces and runs stay)
	rm -rf $(VENV)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: expected Python 3.11 or newer, got $$($(PYTHON) --version); set PYTHON=python3.12 or the like" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)
