"""The composition root: which stacks there are, for which stage."""

import os

# The CDK's runtime fills the screen with banners about the age of Node; these are the versions it need not mention.
for _kind, _versions in {"END_OF_LIFE": "20,21,23", "DEPRECATED": "20,21,23", "UNTESTED": "25,26,27"}.items():
    os.environ.setdefault(f"JSII_SILENCE_WARNING_{_kind}_NODE_VERSION", _versions)
