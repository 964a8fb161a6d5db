"""Container images as files: normalised, so that equal content has one digest; compared; pushed."""
