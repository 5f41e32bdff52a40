# make narrate   narrate the sample course (COURSE=path for another, PROVIDER=espeak or VOICE=name
#                for another speaker, KEEP=1 leaves the stack up)
# make test      run the tests
# make bark      install what Bark needs: torch and transformers
# make asr       install speech recognisers: then make test also writes down what it hears
# make check     lint, types, import directions

PYTHON ?= python3
COURSE ?= data/courses/python-para-analise-de-dados
OPTIONS = $(strip $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(VOICE),--voice $(VOICE)) \
	$(if $(KEEP),--keep))
VENV := .venv
BIN := $(VENV)/bin
# A Python without ensurepip (Debian's, without python3-venv) installs with its own pip.
PIP_INSTALL = if test -x $(BIN)/pip; then pip="$(BIN)/python -m pip"; \
	else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; $$pip install --quiet
INSTALL = $(PIP_INSTALL) --use-pep517 --editable
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: narrate test bark asr check down clean

narrate: $(VENV)/.installed
	$(BIN)/narrate course "$(COURSE)" --pull $(OPTIONS)

test: $(VENV)/.installed-dev
	@$(BIN)/narrate models pull kokoro || echo "testing without the neural model"
	$(BIN)/python -m pytest $(PYTEST_ARGS)

asr: $(VENV)/.installed-dev
	@$(PIP_INSTALL) 'torch==2.13.0'
	@$(INSTALL) '.[local,kokoro,gtts,bark,dev,asr,recognise]'

bark: $(VENV)/.installed
	@$(PIP_INSTALL) 'torch==2.13.0'
	@$(INSTALL) '.[local,kokoro,gtts,bark]'

check: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

down:
	$(BIN)/narrate down

clean: down
	rm -rf $(VENV) build *.egg-info

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("narration needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@echo "installing into $(VENV) (about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >/dev/null || \
		$(PYTHON) -m venv --clear --without-pip $(VENV)
	@($(INSTALL) '.[local,kokoro,gtts]') || \
		(echo "without onnxruntime: gTTS or eSpeak NG will speak"; $(INSTALL) '.[local,gtts]')
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@($(INSTALL) '.[local,kokoro,gtts,dev]') || ($(INSTALL) '.[local,gtts,dev]')
	@touch $@
