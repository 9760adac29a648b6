# The literal commands. The README, the guides and CI call these and nothing else.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help setup demo up status down data train recalibrate test check format synth bench images deploy destroy \
	diff comment-diff stack-drift canary scan scan-images workflows requirements evaluate notebooks clean

STAGE ?= dev
DATA ?= sample/tweets.csv
TWEETS ?=
SOURCE ?=
FILE ?=
BUDGET ?=
DEMO = --data "$(DATA)" $(if $(TWEETS),--tweets $(TWEETS)) $(if $(SOURCE),--source $(SOURCE)) \
	$(if $(FILE),--file "$(FILE)") $(if $(BUDGET),--budget $(BUDGET))
OUT ?= out/model
LABELS ?=
STACK ?=
STACKS = $(if $(STACK),cyberbullying-$(STAGE)-$(STACK),--all)
PULL_REQUEST ?=
PY := .venv/bin/python
export PYTHONDONTWRITEBYTECODE :=

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

setup: ## Build the environments inside the checkout (every other target does this first)
	@scripts/setup.sh

demo: setup ## Run the whole loop on this machine, then stop it (DATA=file.csv TWEETS=5000 SOURCE=bluesky)
	@$(PY) -m local demo $(DEMO)

up: setup ## The same, and keep it running
	@$(PY) -m local up $(DEMO)

status: setup ## Say what is running
	@$(PY) -m local status || [ $$? -eq 3 ]  # 3: nothing runs, which is an answer and not a failure

down: setup ## Stop what `make up` started
	@$(PY) -m local down

data: setup ## Fetch the Kaggle data set into data/ (needs a network)
	@$(PY) -m training_jobs.fetch --out data

train: setup ## Train on this machine, without AWS or MLflow (DATA=file.csv OUT=folder)
	@$(PY) -m training_jobs.local_run --data "$(DATA)" --out "$(OUT)"

evaluate: OUT = out/evaluation
evaluate: setup ## Measure a model, write a report (DATA=file.csv MODEL=folder OUT_OF_DOMAIN=file.csv OUT=folder)
	@$(PY) -m training_jobs.evaluation --data "$(DATA)" $(if $(MODEL),--model "$(MODEL)") \
		$(if $(CANDIDATE),--candidate "$(CANDIDATE)") $(if $(OUT_OF_DOMAIN),--out-of-domain "$(OUT_OF_DOMAIN)") \
		--out "$(OUT)"

notebooks: setup ## Execute the notebooks into out/notebooks, or in place (DATA=file.csv WRITE=1)
	@$(PY) scripts/run_notebooks.py --data "$(DATA)" $(if $(WRITE),--write)

recalibrate: MODEL ?= out/model
recalibrate: OUT = out/recalibrated
recalibrate: setup ## Refit a model's calibration and thresholds to your own reviewed labels (MODEL=folder LABELS=file.csv OUT=folder)
	@$(PY) -m training_jobs.recalibrate --model "$(MODEL)" --labels "$(LABELS)" --out "$(OUT)"

test: setup ## Run all the tests, the files shared out between two processes
	@$(PY) -m pytest -n 2 --dist loadfile

check: setup ## Format, lint, types, synth with cdk-nag, images, templates, state machine
	@scripts/check.sh

format: setup ## Format the code
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix --quiet

synth: setup ## Synthesise the templates of a stage (STAGE=dev)
	@node_modules/.bin/cdk synth --quiet "**" -c stage=$(STAGE)

images: setup ## Build and push the images that a stage's registry lacks (STAGE=dev; needs Docker)
	@$(PY) -m cdk_app.push --stage $(STAGE)

deploy: setup ## Deploy a stage (STAGE=dev), or one stack of it (STACK=storage); run `make images` first
	@node_modules/.bin/cdk deploy $(STACKS) -c stage=$(STAGE) $(if $(CI),--require-approval never)

destroy: setup ## Destroy a stage after asking (STAGE=dev)
	@node_modules/.bin/cdk destroy --all -c stage=$(STAGE)

diff: setup ## Show what a deployment would change (STAGE=dev STACK=streaming)
	@node_modules/.bin/cdk diff --method template $(STACKS) -c stage=$(STAGE)

comment-diff: setup ## The same, as a comment on a pull request (STAGE=dev PULL_REQUEST=12; needs gh)
	@scripts/comment-diff.sh $(STAGE) $(PULL_REQUEST)

stack-drift: setup ## Fail if somebody changed a stage's resources by hand (STAGE=dev)
	@$(PY) -m cdk_app.drift --stage $(STAGE)

canary: setup ## Send a harmless tweet through a deployed stage and follow it (STAGE=dev)
	@$(PY) -m cdk_app.canary --stage $(STAGE)

scan: setup ## Look for known vulnerabilities in the dependencies (needs a network)
	@scripts/scan.sh

scan-images: setup ## Build the images and look for known vulnerabilities in them (needs Docker and a network)
	@$(PY) -m cdk_app.scan

workflows: setup ## Check the workflows of GitHub Actions
	@.venv/bin/zizmor --offline --quiet --strict-collection .github

bench: setup ## Measure speed, memory and sizes beside others (DATA=file.csv CANDIDATE=stack MODEL=folder QUICK=1 DOCS=1)
	@$(PY) -m benchmarks --data "$(DATA)" $(if $(CANDIDATE),--candidate $(CANDIDATE)) $(if $(MODEL),--model "$(MODEL)") \
		$(if $(QUICK),--quick) $(if $(DOCS),--write-docs)

requirements: setup ## Compile every requirements file from its .in file
	@scripts/compile-requirements.sh

clean: ## Remove everything that the other targets made
	@if [ -x $(PY) ]; then $(PY) -m local down --quiet || true; fi
	@rm -rf .venv .local node_modules cdk.out out .mypy_cache .ruff_cache .pytest_cache .hypothesis
