"""SageMaker's folder layout."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from training_jobs import folders as module
from training_jobs.errors import InputError, JobError
from training_jobs.folders import Folders, unpacked


def pack(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_the_layout_is_sagemakers_unless_it_is_moved() -> None:
    assert Folders.from_environment({}).base == Path("/opt/ml")
    assert Folders.from_environment({"SAGEMAKER_BASE_DIR": "/elsewhere"}).base == Path("/elsewhere")


def test_folders_for_results_are_made(folders: Folders) -> None:
    assert folders.model == folders.base / "model"
    assert folders.processing_output("prepared") == folders.base / "processing/output/prepared"
    assert folders.model.is_dir()
    assert folders.processing_output("prepared").is_dir()


def test_an_input_that_was_not_given_is_named(folders: Folders) -> None:
    with pytest.raises(InputError, match="input channel 'prepared'"):
        folders.channel("prepared")
    with pytest.raises(InputError, match="processing input 'labelled'"):
        folders.processing_input("labelled")


def test_hyperparameters(folders: Folders) -> None:
    assert folders.hyperparameters() == {}
    file = folders.base / "input/config/hyperparameters.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"candidate": "linear_svm", "seed": "7"}')
    assert folders.hyperparameters() == {"candidate": "linear_svm", "seed": "7"}


@pytest.mark.parametrize("content", ["{", "[]", '{"seed": 7}'])
def test_hyperparameters_that_are_not_sagemakers(folders: Folders, content: str) -> None:
    file = folders.base / "input/config/hyperparameters.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(InputError, match=r"hyperparameters\.json"):
        folders.hyperparameters()


def test_a_message_is_one_json_object_within_sagemakers_limit(folders: Folders) -> None:
    folders.write_message({"passed": True, "macro_f1": 0.88})
    assert json.loads((folders.base / "output/message").read_text()) == {"passed": True, "macro_f1": 0.88}
    with pytest.raises(JobError, match="passes on 1000"):
        folders.write_message({"why": "x" * 1000})


def test_a_failure_stands_where_both_kinds_of_job_are_read(folders: Folders) -> None:
    folders.write_failure("f" * 5000)
    assert len((folders.base / "output/failure").read_text()) == 1000
    assert len((folders.base / "output/message").read_bytes()) <= 1024


def test_a_failure_of_wide_characters_keeps_within_the_message(folders: Folders) -> None:
    folders.write_failure("\N{PILE OF POO}" * 5000)
    assert len((folders.base / "output/message").read_bytes()) <= 1024


def test_a_model_archive_is_unpacked_beside_itself(tmp_path: Path) -> None:
    pack(tmp_path, (tarfile.TarInfo("artefact/manifest.json"), b"{}"))
    assert (unpacked(tmp_path) / "artefact/manifest.json").read_bytes() == b"{}"


def test_folders_and_what_is_in_them_are_unpacked(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("./artefact/empty")
    folder.type = tarfile.DIRTYPE
    pack(tmp_path, (folder, b""), (tarfile.TarInfo("./artefact/deep/down"), b"x" * 100_000))
    target = unpacked(tmp_path)
    assert (target / "artefact/empty").is_dir()
    assert (target / "artefact/deep/down").read_bytes() == b"x" * 100_000


def test_without_an_archive_the_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert unpacked(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "input"
    inside.mkdir()
    pack(inside, (tarfile.TarInfo(name), b"x"))
    with pytest.raises(InputError, match="leads outside"):
        unpacked(inside)
    assert not (tmp_path / "outside").exists()
    assert not Path("/etc/outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("strange")
    member.type = kind
    member.linkname = "/etc/passwd"
    pack(tmp_path, (member, b""))
    with pytest.raises(InputError, match="neither a file nor a folder"):
        unpacked(tmp_path)


def test_an_archive_that_grows_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 10)
    pack(tmp_path, (tarfile.TarInfo("large"), b"x" * 11))
    with pytest.raises(InputError, match="unpacks to more"):
        unpacked(tmp_path)
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00cut off"])
def test_a_damaged_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpacked(tmp_path)
