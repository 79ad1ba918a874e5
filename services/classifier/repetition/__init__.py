"""The same or nearly the same text under many pages: fingerprints, and who remembers them."""
