# Every command of the course. `make` alone lists them.

PYTHON ?= $(shell command -v python3 || command -v python || echo python3)
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

# Jupyter, IPython and matplotlib keep their files in .venv, so that nothing is left in the home
# folder when this one is deleted. (The search for language servers, which `make lab` turns off,
# would make npm write a log there.)
STATE := $(CURDIR)/.venv/state
export JUPYTER_CONFIG_DIR := $(STATE)/jupyter/config
export JUPYTER_DATA_DIR := $(STATE)/jupyter/data
export JUPYTER_RUNTIME_DIR := $(STATE)/jupyter/runtime
export IPYTHONDIR := $(STATE)/ipython
export MPLCONFIGDIR := $(STATE)/matplotlib
lab notebooks: export XDG_CACHE_HOME := $(STATE)/cache

# $(call setup,extras) makes .venv or brings it up to date; when it is, this takes no time.
define setup
@command -v "$(PYTHON)" >/dev/null || { \
	echo "There is no $(PYTHON) here: install Python 3.10 to 3.13, or name one, as in make PYTHON=python3.12 lab." >&2; \
	exit 1; }
@"$(PYTHON)" tools/setup_venv.py --extras "$(1)"
endef

.PHONY: help
help:  ## list these commands
	@awk -F ':.*## *' '/^[a-z]+:.*##/ { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: lab
lab:  ## open the notebooks in JupyterLab; ARGS="--no-browser --port 9999" is passed on
	$(call setup)
	$(BIN)/jupyter lab notebooks --LanguageServerManager.autodetect=False \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

.PHONY: test
test:  ## run every test, the notebooks included, two at a time; ARGS="-k samplers" runs some
	$(call setup,test)
	$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist worksteal)

.PHONY: lint
lint:  ## check the style of code and notebooks
	$(call setup,test)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format:  ## put the style of code and notebooks right, where that can be done automatically
	$(call setup,test)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: notebooks
notebooks:  ## run the notebooks and store their outputs; ARGS=notebooks/01_spiral.ipynb takes one
	$(call setup)
	$(BIN)/jupyter nbconvert --to notebook --inplace --execute \
		--ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.record_timing=False \
		$(or $(ARGS),notebooks/*.ipynb)

.PHONY: benchmark
benchmark:  ## measure what the course quotes as speed or quality
	$(call setup,benchmark)
	$(BIN)/python benchmarks/benchmark.py $(ARGS)

.PHONY: sampling
sampling:  ## measure samplers: quality against steps, with the shipped network
	$(call setup)
	$(BIN)/python benchmarks/sampling.py $(ARGS)

.PHONY: rivals
rivals:  ## give diffusion, a GAN and a VAE the same two minutes, and judge what they draw
	$(call setup)
	$(BIN)/python benchmarks/rivals.py $(ARGS)

.PHONY: judge
judge:  ## train the two classifiers that judge generated digits, and store their weights
	$(call setup)
	$(BIN)/course train first-judge --seed 0 --overwrite --out course_lib/weights/judges/first.safetensors
	$(BIN)/course train second-judge --seed 1 --overwrite --out course_lib/weights/judges/second.safetensors

.PHONY: checkpoints
checkpoints:  ## train the models that come with the course, and judge them; takes some hours
	$(call setup)
	$(BIN)/python tools/make_checkpoints.py $(ARGS)

.PHONY: release
release:  ## make the students' notebooks in assignments/ from the masters in solutions/
	$(call setup,instructor)
	$(BIN)/course release $(ARGS)

.PHONY: audit
audit:  ## grade the grader: wrong answers caught, right ones accepted, odd ones, attacks repelled
	$(call setup,instructor)
	$(BIN)/python tests/grading/audit.py $(ARGS)

.PHONY: mutation
mutation:  ## change the masters' answers mechanically; what the grader lets pass must be listed
	$(call setup,dev)
	$(BIN)/python tests/grading/mutation.py $(ARGS)

.PHONY: map
map:  ## draw images/rooms.svg: the rooms of course_lib, and which of them imports which
	$(call setup)
	$(BIN)/python tools/draw_map.py

.PHONY: constraints
constraints:  ## renew constraints.txt: the newest version of every package that fits together
	$(call setup,dev)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 --all-extras \
		--upgrade --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make constraints" --output-file constraints.txt

.PHONY: clean
clean:  ## delete .venv and every cache
	rm -rf .venv build .pip_cache .pytest_cache .ruff_cache
	find . \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
