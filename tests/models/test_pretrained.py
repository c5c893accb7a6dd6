"""Folders as `transformers` writes them, read, run and written again; folders that are wrong."""

import json
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from safetensors.numpy import load_file, save_file

from jaxdl import optimizers, tasks
from jaxdl.data.errors import DataError
from jaxdl.models import BERT, GPT, BERTPretraining, pretrained
from jaxdl.models.pretrained import SentenceClassifier
from jaxdl.params import by_path, transplant

GOLDEN = Path(__file__).parents[1] / "goldens/pretrained.npz"
RENEW = "the golden is made by tests/goldens/make_pretrained.py"
WORDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4} | {
    f"w{place}": place for place in range(5, 23)
}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def folders(golden, tmp_path_factory):
    """The models as `transformers` saved them."""
    root = tmp_path_factory.mktemp("models")
    for name in ("bert", "pretraining", "guessing", "gpt2"):
        (root / name).mkdir()
        (root / name / "config.json").write_bytes(golden[f"{name}/config.json"].tobytes())
        stem = f"{name}/weights/"
        arrays = {k.removeprefix(stem): v for k, v in golden.items() if k.startswith(stem)}
        save_file(arrays, root / name / "model.safetensors")
    return root


@pytest.fixture
def folder(folders, tmp_path):
    """A copy of one to spoil: its path, `change(config)` and `spoil(arrays)`."""

    def copy(name):
        for file in ("config.json", "model.safetensors"):
            (tmp_path / file).write_bytes((folders / name / file).read_bytes())
        return tmp_path

    return copy


@pytest.mark.parametrize(
    ("name", "kind", "outputs"),
    [
        ("bert", BERT, ["states"]),
        ("pretraining", BERTPretraining, ["tokens", "pair"]),
        ("guessing", BERTPretraining, ["tokens"]),
        ("gpt2", GPT, ["logits"]),
    ],
)
def test_outputs_are_those_of_transformers(golden, folders, name, kind, outputs, tmp_path):
    loaded = pretrained.load(folders / name)
    assert type(loaded.model) is kind
    assert loaded.tokenizer is None
    inputs = (golden["ids"],) if kind is GPT else map(golden.get, ("ids", "mask", "segments"))
    found = jax.jit(loaded.model.apply)({"params": loaded.params}, *inputs)
    if kind is not BERTPretraining:
        found = {outputs[0]: found[1] if kind is GPT else found}
    assert set(found) == set(outputs)
    # The states of padding are nobody's.
    real = np.ones_like(golden["mask"]) if kind is GPT else golden["mask"]
    for output in outputs:
        rows = real[:, 0] if output == "pair" else real
        ours, theirs = (array[rows == 1] for array in (found[output], golden[f"{name}/{output}"]))
        np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=RENEW)
    pretrained.save(tmp_path, loaded)
    wrote, was = (load_file(path / "model.safetensors") for path in (tmp_path, folders / name))
    assert set(wrote) == set(was)
    assert all((wrote[key] == was[key]).all() for key in was)
    config, was = (
        json.loads((path / "config.json").read_text()) for path in (tmp_path, folders / name)
    )
    assert config["architectures"] == was["architectures"]
    again = pretrained.load(tmp_path)
    assert again.model == loaded.model


def test_the_pooled_state_is_that_of_transformers(golden, folders):
    model, params, _ = pretrained.load(folders / "bert")
    apply = jax.jit(partial(model.apply, method="pooled"))
    pooled = apply({"params": params}, golden["bert/states"])
    np.testing.assert_allclose(pooled, golden["bert/pooled"], atol=1e-5, err_msg=RENEW)


def test_heads_of_another_kind_of_file(folder, golden):
    """Tied copies, buffers and the names of older files; narrower weights."""
    path = folder("pretraining")
    arrays = load_file(path / "model.safetensors")
    arrays["cls.predictions.decoder.weight"] = arrays["bert.embeddings.word_embeddings.weight"]
    arrays["bert.embeddings.position_ids"] = np.arange(9)[None]
    for name in [name for name in arrays if "LayerNorm" in name]:
        older = name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
        arrays[older] = arrays.pop(name)
    save_file(arrays, path / "model.safetensors")
    params = pretrained.load(path).params
    tokens = golden["pretraining/weights/cls.predictions.transform.LayerNorm.weight"]
    np.testing.assert_array_equal(params["transform_norm"]["scale"], tokens)
    arrays = {name: array.astype(jnp.bfloat16) for name, array in arrays.items()}
    save_file(arrays, path / "model.safetensors")
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(pretrained.load(path).params)} == {
        "float32"
    }
    arrays["cls.predictions.decoder.weight"] = 2 * arrays["cls.predictions.decoder.weight"]
    save_file(arrays, path / "model.safetensors")
    with pytest.raises(DataError, match=r"decoder.weight differs from bert.embeddings.word_"):
        pretrained.load(path)


def test_weights_that_do_not_fit(folder):
    path = folder("bert")
    file = path / "model.safetensors"
    arrays = load_file(file)

    def refused(message, arrays):
        save_file(arrays, file)
        with pytest.raises(DataError, match=message) as error:
            pretrained.load(path)
        assert str(file) in str(error.value)
        assert "\n" not in str(error.value)

    short = dict(arrays)
    short.pop("encoder.layer.1.output.dense.bias")
    refused(r"not the bert of config.json: missing: \S*layer.1.output.dense.bias$", short)
    refused(r"unexpected: \S*odd$", {**arrays, "odd": np.zeros(3, np.float32)})
    name = "embeddings.position_embeddings.weight"
    refused(rf"{name} has shape \(8, 16\), not \(9, 16\)", {**arrays, name: arrays[name][:8]})
    name = "encoder.layer.0.attention.self.key.weight"
    refused(r"key.weight has shape \(16, 8\), not", {**arrays, name: arrays[name][:, :8].copy()})
    refused("key.weight holds uint8, not floats", {**arrays, name: arrays[name].astype(np.uint8)})
    broken = arrays[name].astype(np.float64)
    broken[0, :2] = np.nan, 1e39
    refused("key.weight holds 2 numbers that are not finite in f", {**arrays, name: broken})


@pytest.mark.parametrize(
    ("name", "stem", "head"),
    [
        ("bert", "bert.", ("classifier.bias", "classifier.weight")),  # of sequences
        ("gpt2", "transformer.", ("score.weight",)),
    ],
)
def test_the_head_of_another_task_is_told_with_the_remedy(folder, name, stem, head):
    path = folder(name)
    body = load_file(path / "model.safetensors")
    body = {stem + name.removeprefix(stem): array for name, array in body.items()}
    arrays = body | {each: np.zeros(2, np.float32) for each in head}
    save_file(arrays, path / "model.safetensors")
    with pytest.raises(DataError) as caught:
        pretrained.load(path)
    assert str(caught.value).endswith(
        f"unexpected: {', '.join(head)}, of the head of another task: save the body alone, "
        f'model.{stem}save_pretrained("FOLDER")'
    )


def test_a_file_of_another_architecture(folder, folders):
    path = folder("bert")
    (path / "config.json").write_bytes((folders / "gpt2/config.json").read_bytes())
    with pytest.raises(
        DataError, match=r"not the gpt2 of config.json: missing: .* and 25 more; une"
    ):
        pretrained.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 5}, "num_attention_heads 5 does not divide hidden_size 16"),
        ({"model_type": "t5"}, "model_type 't5' is none of bert, gpt2"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, not a whole number above 0"),
        ({"hidden_size": "16"}, "hidden_size is '16', not a whole number above 0"),
        ({"num_hidden_layers": None}, "num_hidden_layers is None, not a whole number above 0"),
        ({"layer_norm_eps": -1}, "layer_norm_eps is -1, not a number above 0"),
        ({"hidden_act": "swish"}, "hidden_act 'swish' is none of gelu"),
        ({"hidden_act": ["gelu"]}, r"hidden_act \['gelu'\] is none of gelu"),
        ({"position_embedding_type": "relative_key"}, "'absolute' alone is known"),
    ],
)
def test_configurations_that_do_not_fit(folder, change, message):
    path = folder("bert") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=message) as error:
        pretrained.load(path.parent)
    assert str(path) in str(error.value)


def test_folders_that_lack_something(folder, tmp_path):
    with pytest.raises(DataError, match=r"config.json: no such file"):
        pretrained.load(tmp_path / "nowhere")
    path = folder("bert")
    (path / "model.safetensors").write_bytes(b"12345678nothing")
    with pytest.raises(DataError, match=r"model.safetensors: damaged"):
        pretrained.load(path)
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"no model.safetensors; pytorch_model.bin is a pickle"):
        pretrained.load(path)
    (path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="model_type None is none of"):
        pretrained.load(path)
    (path / "config.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        pretrained.load(path)


def test_a_model_that_the_format_has_no_place_for(folders, tmp_path):
    loaded = pretrained.load(folders / "bert")
    with pytest.raises(DataError, match="has learned positions, and its norms where"):
        pretrained.save(tmp_path, loaded._replace(model=loaded.model.clone(pre_norm=True)))
    odd = {**loaded.params, "more": jnp.zeros(1)}
    with pytest.raises(DataError, match="without a place in the format: more"):
        pretrained.save(tmp_path, loaded._replace(params=odd))


@pytest.fixture(scope="module")
def tokenizer():
    library = pytest.importorskip("tokenizers", reason="the extra `text` is not installed")
    made = library.Tokenizer(library.models.WordLevel(WORDS, unk_token="[UNK]"))
    made.pre_tokenizer = library.pre_tokenizers.Whitespace()
    made.post_processor = library.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return made


def test_a_tokenizer_goes_along(folder, folders, tokenizer, tmp_path):
    loaded = pretrained.load(folders / "bert")._replace(tokenizer=tokenizer)
    pretrained.save(tmp_path, loaded)
    again = pretrained.load(tmp_path)
    assert again.tokenizer.encode("w5 no w6").ids == [2, 5, 1, 6, 3]
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer.json: not a tokenizer"):
        pretrained.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "table"),
    [("bert", "embeddings.word_embeddings.weight"), ("gpt2", "transformer.wte.weight")],
)
def test_a_table_has_a_row_for_every_token_and_may_have_more(folder, tokenizer, name, table):
    path = folder(name)
    (path / "tokenizer.json").write_text(tokenizer.to_str())
    config = json.loads((path / "config.json").read_text())
    arrays = load_file(path / "model.safetensors")
    assert config["vocab_size"] == 23

    def loaded(rows):
        (path / "config.json").write_text(json.dumps(config | {"vocab_size": rows}))
        words = np.zeros((rows, 16), np.float32)
        save_file(arrays | {table: words}, path / "model.safetensors")
        return pretrained.load(path)

    padded = loaded(64)
    assert padded.model.vocabulary == 64
    assert padded.tokenizer.get_vocab_size() == 23
    message = "json: a tokenizer with ids up to {}, the model has a table of {} rows"
    with pytest.raises(DataError, match=message.format(22, 22)):
        loaded(22)
    gaps = json.loads(tokenizer.to_str())
    gaps["model"]["vocab"]["late"] = 64
    (path / "tokenizer.json").write_text(json.dumps(gaps))
    with pytest.raises(DataError, match=message.format(64, 64)):
        loaded(64)


def test_texts_as_batches(tokenizer):
    arrays = pretrained.tokenized(tokenizer, ["w5 w6 w7 w8", "w9"], 5)
    assert arrays["x"].tolist() == [[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]]
    assert arrays["x_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    with pytest.raises(DataError, match="no texts"):
        pretrained.tokenized(tokenizer, [], 5)
    with pytest.raises(DataError, match="no texts: a list"):
        pretrained.tokenized(tokenizer, "w5", 5)
    with pytest.raises(ValueError, match="at most 0 tokens: 1 or more"):
        pretrained.tokenized(tokenizer, ["w5"], 0)


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_words_is_told(folders, tokenizer, text):
    """The marks at both ends alone would be a vector like any other."""
    assert tokenizer.encode(text).ids == [2, 3]
    message = re.escape(f"text 1 has no words: {text!r}")
    with pytest.raises(DataError, match=message):
        pretrained.tokenized(tokenizer, ["w5", text], 5)
    loaded = pretrained.load(folders / "bert")._replace(tokenizer=tokenizer)
    with pytest.raises(DataError, match=message):
        pretrained.encode(loaded, ["w5", text])
    with pytest.raises(DataError, match="text 0 is None, not a string"):
        pretrained.encode(loaded, [None])
    with pytest.raises(ValueError, match="batches of 0 texts: 1 or more are needed"):
        pretrained.encode(loaded, ["w5"], batch_size=0)


def test_vectors_of_texts_do_not_hang_on_their_neighbours(folders, tokenizer):
    loaded = pretrained.load(folders / "bert")._replace(tokenizer=tokenizer)
    texts = ["w5 w6 w7 w8 w9 w10", "w9", "w10 w11"]
    found = pretrained.encode(loaded, texts, batch_size=2)
    alone = pretrained.encode(loaded, ["w9"], batch_size=2)
    np.testing.assert_allclose(found[1:2], alone, atol=1e-6)
    states = np.ones((1, 3, 1), np.float32) * np.array([1, 3, 8], np.float32)[None, :, None]
    pooled = pretrained.mean_pooled(states, np.array([[1, 1, 0], [0, 0, 0]])[:1])
    assert pooled.tolist() == [[2.0]]
    with pytest.raises(DataError, match="by a BERT with its tokenizer"):
        pretrained.encode(loaded._replace(tokenizer=None), texts)


def test_a_body_is_frozen_tuned_or_tuned_by_layer(golden, folders):
    body = pretrained.load(folders / "pretraining").body
    model = SentenceClassifier(body.model, 3)
    task = tasks.classification(model)
    batch = {"x": golden["ids"].astype(np.int32), "y": np.array([0, 1, 2])}
    rates = {
        "frozen": optimizers.freeze(optax.sgd(0.1), "^body/"),
        "tuned": optax.sgd(0.1),
        "by_layer": optax.chain(
            optax.sgd(0.1), optimizers.scale_by_path(optimizers.by_depth(model.groups, 0.5))
        ),
    }
    key = jax.random.key(0)
    fresh, state = jax.eval_shape(task.init, key, batch)
    fresh["logits"] = {"kernel": np.zeros((16, 3), np.float32), "bias": np.zeros(3, np.float32)}
    params = transplant(fresh, {"body": body.params}, "^body/")
    chosen = [jax.tree.leaves(by_path(params, group)) for group in model.groups]
    assert (np.sum(chosen, axis=0) == 1).all()
    jax.eval_shape(lambda p: task.loss(p, state, batch, key, train=True), params)

    @jax.jit
    def changed(params):
        gradient = jax.tree.map(jnp.ones_like, params)
        return {name: tx.update(gradient, tx.init(params), params)[0] for name, tx in rates.items()}

    changes = jax.device_get(changed(params))
    assert "pooler" in body.params
    assert "pooler" not in params["body"]
    np.testing.assert_array_equal(
        params["body"]["words"]["embedding"], body.params["words"]["embedding"]
    )
    assert not any(leaf.any() for leaf in jax.tree.leaves(changes["frozen"]["body"]))
    for of in changes.values():
        np.testing.assert_allclose(of["logits"]["bias"], -0.1)
    for path, factor in {
        ("words", "embedding"): 0.125, ("stack", "layers_0", "attention", "out", "bias"): 0.25,
        ("stack", "layers_1", "feed_forward", "inner", "kernel"): 0.5,
    }.items():  # fmt: skip
        tuned, slower = changes["tuned"]["body"], changes["by_layer"]["body"]
        for name in path:
            tuned, slower = tuned[name], slower[name]
        assert tuned.any()
        np.testing.assert_allclose(slower, factor * tuned, rtol=1e-6)
