"""Image tags are digests of what goes into an image, the same everywhere, and known without Docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk_app.images import IMAGES, ROOT, Image


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("lambdas/Dockerfile", "lambdas/handler.py", "moderation/model.py", "docs/page.md"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    return tmp_path


IMAGE = Image("lambdas", folder="lambdas", sources=("moderation",))


@pytest.mark.parametrize("name", ["lambdas/Dockerfile", "lambdas/handler.py", "moderation/model.py"])
def test_a_change_of_a_source_changes_the_tag(checkout: Path, name: str) -> None:
    before = IMAGE.tag(checkout)
    (checkout / name).write_text("changed")
    assert IMAGE.tag(checkout) != before


def test_a_renamed_source_changes_the_tag(checkout: Path) -> None:
    before = IMAGE.tag(checkout)
    (checkout / "moderation/model.py").rename(checkout / "moderation/models.py")
    assert IMAGE.tag(checkout) != before


@pytest.mark.parametrize("name", ["docs/page.md", "lambdas/__pycache__/handler.pyc", "lambdas/handler.pyc"])
def test_what_is_not_in_the_image_does_not_change_the_tag(checkout: Path, name: str) -> None:
    before = IMAGE.tag(checkout)
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed")
    assert IMAGE.tag(checkout) == before


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.name))
def test_every_image_has_its_dockerfile_and_its_sources(image: Image) -> None:
    dockerfile = (ROOT / image.folder / "Dockerfile").read_text()
    assert f"COPY {image.folder}/requirements.txt" in dockerfile
    assert all((ROOT / source).is_dir() and f"COPY {source}" in dockerfile for source in image.sources)
    assert len(image.tag()) == 16
