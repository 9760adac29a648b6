"""Builds the container images and looks for known vulnerabilities in them: ``make scan-images``.

What can be mended by an update fails the scan; what nobody has mended yet is shown. The registry scans what is pushed
too; this tells before it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

from cdk_app.images import IMAGES, Image
from cdk_app.push import PushError, Run, build_command, run_docker

SCANNER: Final = "anchore/grype:v0.117.0"
SOCKET: Final = "/var/run/docker.sock"
SEVERITY: Final = "high"
"""From this severity on a vulnerability for which there is an update fails the scan."""


def scan(images: Sequence[Image], run: Run, say: Callable[[str], None]) -> list[str]:
    """Build and scan images; one that fails does not keep the others from being scanned.

    Returns:
        What failed, one line each.
    """
    failed = []
    for image in images:
        reference = f"cyberbullying-scan/{image.name}:{image.tag()}"
        say(f"building and scanning {image.name}:{image.tag()}")
        try:
            run(build_command(image, reference), None)
            run(scan_command(reference), None)
        except PushError as error:
            failed.append(f"{image.name}: {error}")
    return failed


def scan_command(reference: str) -> list[str]:
    """What scans an image that Docker holds. The scanner reads it through Docker's socket."""
    return [
        "docker", "run", "--rm", "--volume", f"{SOCKET}:{SOCKET}", SCANNER,
        f"docker:{reference}", "--only-fixed", "--fail-on", SEVERITY,
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cdk_app.scan", description=__doc__)
    parser.add_argument("--image", choices=[image.name for image in IMAGES], help="only this one")
    options = parser.parse_args(arguments)
    chosen = [image for image in IMAGES if options.image in {None, image.name}]
    failed = scan(chosen, run_docker, print)
    for line in failed:
        print(f"scan: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
