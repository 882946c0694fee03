"""Where weights come from, which are refused, and what happens when there are none."""

import importlib.util
import json
import os
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import LocalServer, Reply, find_free_port
from structlog.testing import capture_logs
from tiny import make_model

from digest.embeddings import encoder
from digest.embeddings.encoder import (
    DEFAULT,
    DEFAULT_REVISION,
    OFFLINE_PACKAGE,
    Encoder,
    EncoderSpec,
    find_weights,
    make_encoder,
    unit,
)
from digest.errors import ConfigurationError

OTHER = "someone/some-model"


def find_offline(folder: Path | None) -> object:
    """A stand-in for `importlib.util.find_spec` that finds the package in `folder` only."""
    return lambda _name: None if folder is None else SimpleNamespace(origin=str(folder / "__init__.py"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the [offline] package's folder, which is the one that is found."""
    spec = importlib.util.find_spec(OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        pytest.skip("the [offline] extra is not installed")
    copy = tmp_path / OFFLINE_PACKAGE
    shutil.copytree(Path(spec.origin).parent, copy, copy_function=os.symlink)
    monkeypatch.setattr(encoder.importlib.util, "find_spec", find_offline(copy))
    return copy


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The settings of the hub's client, with an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return constants


def test_a_path_in_the_settings_comes_first(tmp_path: Path, package: Path) -> None:
    (tmp_path / "modules.json").write_text("[]")
    assert package.is_dir()
    assert find_weights(DEFAULT, tmp_path).place == str(tmp_path)


def test_the_offline_package_comes_before_the_hub(package: Path) -> None:
    found = find_weights(DEFAULT, None)
    assert found.place == str(package / "model")
    assert "digests checked" in found.origin


def test_the_hub_is_asked_for_the_pinned_revision_of_the_default_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder.importlib.util, "find_spec", find_offline(None))
    assert (find_weights(DEFAULT, None).place, find_weights(DEFAULT, None).revision) == (DEFAULT, DEFAULT_REVISION)
    assert (find_weights(OTHER, None).place, find_weights(OTHER, None).revision) == (OTHER, None)


def test_another_model_is_never_taken_from_the_offline_package(package: Path) -> None:
    assert str(package) not in find_weights(OTHER, None).place


@pytest.mark.parametrize("name", sorted(encoder.OFFLINE_DIGESTS))
def test_a_tampered_file_is_refused_with_one_line_that_names_it(package: Path, name: str) -> None:
    file = package / "model" / name
    original = file.resolve()
    file.unlink()
    shutil.copy(original, file)
    with file.open("ab") as content:
        content.write(b" ")
    with pytest.raises(ConfigurationError, match="is not the official file") as refused:
        make_encoder(EncoderSpec(DEFAULT), device="cpu")
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_package_without_its_weights_is_a_configuration_error(package: Path) -> None:
    (package / "model" / "vocab.txt").unlink()
    with pytest.raises(ConfigurationError):
        find_weights(DEFAULT, None)


def test_a_path_without_a_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigurationError, match="DIGEST_ENCODER_PATH"):
            make_encoder(EncoderSpec(DEFAULT), path)


def test_none_means_no_encoder() -> None:
    with capture_logs() as logs:
        assert make_encoder(EncoderSpec("none")) is None
    assert logs == []


@pytest.mark.parametrize("cause", ["HF_HUB_OFFLINE", "out of reach"])
def test_weights_that_cannot_be_had_are_no_encoder_and_are_logged(
    hub: ModuleType, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", cause == "HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "ENDPOINT", f"http://127.0.0.1:{find_free_port()}")
    with capture_logs() as logs:
        assert make_encoder(EncoderSpec(OTHER), device="cpu") is None
    assert [(event["event"], event["encoder"]) for event in logs] == [("encoder_missing", OTHER)]
    assert cause in logs[0]["why"]


def test_the_reason_for_missing_weights_is_one_line(hub: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("There is no such model.\nSee https://huggingface.co/models.")

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", refuse)
    with LocalServer(lambda _: Reply()) as server, capture_logs() as logs:
        monkeypatch.setattr(hub, "ENDPOINT", server.url)
        assert make_encoder(EncoderSpec(OTHER), device="cpu") is None
    assert "There is no such model." in logs[-1]["why"]
    assert "\n" not in logs[-1]["why"]


@pytest.mark.parametrize(
    ("wanted", "cuda", "mps", "chosen"),
    [
        ("auto", True, True, "cuda"),
        ("auto", False, True, "mps"),
        ("auto", False, False, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cuda", False, False, "cuda"),
    ],
)
def test_the_device_is_the_wanted_one_or_the_best(
    monkeypatch: pytest.MonkeyPatch, wanted: str, cuda: bool, mps: bool, chosen: str
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert encoder.choose_device(wanted) == chosen


def test_rows_are_scaled_to_length_one_and_a_row_of_noughts_stays() -> None:
    assert unit(np.array([[3, 4], [0, 0]], np.float32)).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny") / "plain")


def declare(tiny: Path, folder: Path, prompts: dict[str, str], default: str | None = None) -> Path:
    """A copy of the tiny model that declares prompts."""
    copy = folder / f"declared-{len(list(folder.iterdir()))}"
    shutil.copytree(tiny, copy, copy_function=os.symlink)
    file = copy / "config_sentence_transformers.json"
    config = json.loads(file.read_text()) | {"prompts": prompts, "default_prompt_name": default}
    file.unlink()
    file.write_text(json.dumps(config))
    return copy


def load(folder: Path, **fields: Any) -> Encoder:
    made = make_encoder(EncoderSpec(str(folder), **fields), device="cpu")
    assert made is not None
    return made


TEXTS = ["the robot arm", "galaxy survey and spectra"]


def same(rows: np.ndarray, others: np.ndarray) -> bool:
    return bool(((rows * others).sum(axis=1) > 0.9995).all())


def test_a_model_without_prompts_reads_papers_and_queries_alike(tiny: Path) -> None:
    made = load(tiny)
    assert same(made.encode(TEXTS), made.encode_queries(TEXTS))


@pytest.mark.parametrize(
    ("prompts", "default", "document", "query"),
    [
        ({"query": "query : ", "document": "passage : "}, None, "passage : ", "query : "),
        ({"query": "query : ", "passage": "passage : "}, None, "passage : ", "query : "),
        ({"query": "represent this query : "}, None, "", "represent this query : "),
        ({"query": "query : "}, "query", "", "query : "),
        ({"topic": "represent this : "}, "topic", "represent this : ", "represent this : "),
        ({"topic": "represent this : "}, None, "", ""),
    ],
)
def test_the_prompts_that_a_model_declares_are_put_before_the_texts(
    tiny: Path, tmp_path: Path, *, prompts: dict[str, str], default: str | None, document: str, query: str
) -> None:
    made, plain = load(declare(tiny, tmp_path, prompts, default)), load(tiny)
    assert same(made.encode(TEXTS), plain.encode([document + text for text in TEXTS]))
    assert same(made.encode_queries(TEXTS), plain.encode([query + text for text in TEXTS]))
    assert not query or not same(made.encode_queries(TEXTS), plain.encode(TEXTS))


def test_prompts_of_the_settings_come_before_those_of_the_model(tiny: Path, tmp_path: Path) -> None:
    folder = declare(tiny, tmp_path, {"query": "query : ", "document": "passage : "})
    made, plain = load(folder, query_prompt="star : ", paper_prompt="paper : "), load(tiny)
    assert same(made.encode(TEXTS), plain.encode([f"paper : {text}" for text in TEXTS]))
    assert same(made.encode_queries(TEXTS), plain.encode([f"star : {text}" for text in TEXTS]))


def test_the_first_numbers_are_kept_and_scaled(tiny: Path) -> None:
    whole, cut = load(tiny), load(tiny, dimension=8)
    assert (cut.dimension, cut.encode(TEXTS).shape, cut.encode([]).shape) == (8, (2, 8), (0, 8))
    np.testing.assert_allclose(cut.encode(TEXTS), unit(whole.encode(TEXTS)[:, :8]), atol=1e-5)


def test_more_numbers_than_a_model_has_are_refused(tiny: Path) -> None:
    with pytest.raises(ConfigurationError, match="gives 32 numbers"):
        load(tiny, dimension=33)


specs = st.builds(
    EncoderSpec,
    st.sampled_from(["a/b", "a/c", "hashing"]),
    st.integers(0, 3),
    st.sampled_from(["", "q: ", "p: "]),
    st.sampled_from(["", "q: ", "p: "]),
)


@given(one=specs, other=specs)
def test_vectors_that_may_differ_are_never_signed_alike(one: EncoderSpec, other: EncoderSpec) -> None:
    assert (one.identity == other.identity) == (one == other)


def test_a_whole_model_with_its_own_prompts_signs_with_its_bare_name() -> None:
    assert EncoderSpec("a/b").identity == "a/b"
    assert EncoderSpec("none", 5).identity == ""
