"""Every model and layer with parameters: products in bfloat16 beside parameters in float32."""

import functools
import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from jaxdl import layers, models
from jaxdl.layers.cells import LSTM
from jaxdl.layers.monotonic_attention import Energy

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
IDS = jnp.asarray(RNG.integers(1, 7, size=(3, 8)))
SPELLED = jnp.asarray(RNG.integers(1, 7, size=(3, 8, 4)))
X = jnp.asarray(RNG.normal(size=(3, 6)), jnp.float32)
SERIES = jnp.asarray(RNG.normal(size=(3, 8, 6)), jnp.float32)
IMAGES = jnp.asarray(RNG.normal(size=(3, 8, 8, 4)), jnp.float32)
MASK = jnp.ones(IDS.shape)
TRAIN = {"train": False}
BF16 = jnp.bfloat16


def bert(dtype):
    return models.BERT(7, 8, 1, 2, 8, dtype=dtype)


def seq2seq(decoder, encoder=models.Encoder):
    def build(dtype):
        reads = encoder(7, 5, 6, dtype=dtype)
        return models.Seq2Seq(reads, decoder(dtype), 7, 5, dtype=dtype)

    return build, (IDS, MASK, IDS)


def attending(kind):
    def decoder(dtype):
        soft = layers.Soft(layers.Additive(5, dtype=dtype))
        return kind(6, attention=soft, dtype=dtype)

    return seq2seq(decoder)


def read(dtype, features=6):
    return layers.RNN(features, dtype=dtype)


def text(body):
    return (
        lambda dtype: models.TextClassifier(layers.Embedding(7, 6), body(dtype), 3, dtype=dtype),
        (IDS,),
    )


class Reading(nn.Module):
    """An attention as a layer: of a query to keys."""

    attention: nn.Module

    def __call__(self, query, keys):
        memory = self.attention.remember(keys, MASK)
        return self.attention(self.attention.begin(memory), query, memory)[1]


AWD = functools.partial(models.AWDLSTM, 7, 6, 5, layers=2)
# name -> (dtype -> module, inputs)
LAYERS = {
    "RNN": (read, (SERIES,)),
    "Bidirectional": (
        lambda d: layers.Bidirectional(read(d), layers.RNN(6, reverse=True, dtype=d)),
        (SERIES,),
    ),
    "Stack": (lambda d: layers.Stack([read(d), read(d)]), (SERIES,)),
    "Wavefront": (lambda d: layers.Wavefront(6, 2, dtype=d), (SERIES,)),
    "Causal": (lambda d: layers.Causal(5, (1, 2), dtype=d), (SERIES,)),
    "Additive": (lambda d: layers.Additive(5, dtype=d), (X, SERIES)),
    "General": (lambda d: layers.General(6, dtype=d), (X, SERIES)),
    "Biaffine": (lambda d: layers.Biaffine(6, dtype=d), (X, SERIES)),
    "Soft": (lambda d: Reading(layers.Soft(layers.Additive(5, dtype=d))), (X, SERIES)),
    "Hard": (lambda d: Reading(layers.Hard(layers.General(6, dtype=d))), (X, SERIES)),
    "Monotonic": (lambda d: Reading(layers.Monotonic(Energy(5, dtype=d))), (X, SERIES)),
    "AttentionPool": (lambda d: layers.AttentionPool(5, dtype=d), (IMAGES,)),
    "Conv": (lambda d: layers.Conv(5, (3, 3), dtype=d), (IMAGES,)),
    "ConvTranspose": (lambda d: layers.ConvTranspose(5, (3, 3), strides=2, dtype=d), (IMAGES,)),
    "Embedding": (lambda d: layers.Embedding(7, 5, dtype=d), (IDS,)),
    "FrozenEmbedding": (
        lambda d: layers.FrozenEmbedding(7, 5, nn.initializers.normal(1.0), dtype=d),
        (IDS,),
    ),
    "FeedForward": (lambda d: layers.FeedForward(6, 5, dtype=d), (SERIES,)),
    "MultiHeadAttention": (lambda d: layers.MultiHeadAttention(6, 2, dtype=d), (SERIES,)),
    "TransformerLayer": (lambda d: layers.TransformerLayer(6, 2, dtype=d), (SERIES,)),
    "TransformerStack": (
        lambda d: layers.TransformerStack(
            2, functools.partial(layers.TransformerLayer, 6, 2, dtype=d), layers.LayerNorm(dtype=d)
        ),
        (SERIES,),
    ),
    "LayerMix": (lambda d: layers.LayerMix(dtype=d), (SERIES,)),
    "Maxout": (lambda d: layers.Maxout(5, 2, dtype=d), (X,)),
    "PReLU": (lambda d: layers.PReLU(dtype=d), (X,)),
    **{
        name: (lambda d, n=name, o=options: getattr(layers, n)(dtype=d, **o), (IMAGES,))
        for name, options in (
            ("BatchNorm", {}),
            ("GroupNorm", {"num_groups": 2}),
            ("InstanceNorm", {}),
            ("LayerNorm", {}),
            ("RMSNorm", {}),
        )
    },
}
MODELS = {
    "MLP": (lambda d: models.MLP((5,), 3, dtype=d), (X,)),
    "CNN": (lambda d: models.CNN(((4,), (4,)), 3, (5,), norm=layers.BatchNorm, dtype=d), (IMAGES,)),
    "ResNet": (lambda d: models.ResNet((4, 6), 2, 3, dtype=d), (IMAGES,)),
    "Block": (
        lambda d: models.Block(
            4,
            1,
            models.identity_shortcut,
            nn.relu,
            layers.BatchNorm,
            nn.initializers.he_normal(),
            dtype=d,
        ),
        (IMAGES,),
    ),
    "UNet": (lambda d: models.UNet((3, 4), 2, dtype=d), (IMAGES,)),
    "ResidualDeblurrer": (lambda d: models.ResidualDeblurrer(4, 2, dtype=d), (IMAGES,)),
    "DenseAutoencoder": (lambda d: models.DenseAutoencoder((6,), (5,), 2, dtype=d), (X,)),
    "ConvAutoencoder": (lambda d: models.ConvAutoencoder((8, 8, 4), (3,), 2, dtype=d), (IMAGES,)),
    "VAE": (lambda d: models.VAE((6,), (5,), 2, dtype=d), (X,)),
    "Generator": (lambda d: models.Generator((5,), (2, 2), dtype=d), (X,)),
    "Discriminator": (lambda d: models.Discriminator((5,), dtype=d), (X,)),
    "DCGenerator": (lambda d: models.DCGenerator((4, 3), (8, 8), dtype=d), (X,)),
    "DCDiscriminator": (lambda d: models.DCDiscriminator((3, 4), dtype=d), (IMAGES,)),
    "Regions": (lambda d: models.Regions((4,), dtype=d), (IMAGES,)),
    "Captioner": (lambda d: models.Captioner((4,), 5, 7, dtype=d), (IMAGES, IDS)),
    "SharedTrunk": (lambda d: models.SharedTrunk((5, 4), {"a": models.Head(2, 1)}, dtype=d), (X,)),
    "Siamese": (lambda d: models.Siamese(models.MLP((5,), 3, dtype=d)), (SERIES,)),
    "Forecaster": (lambda d: models.Forecaster(models.MLP((5,), 36, dtype=d), 2), (SERIES,)),
    "TableNetwork": (
        lambda d: models.TableNetwork((7, 7), 3, (5,), dtype=d),
        (jnp.concatenate([X, IDS[:, :2] * 1.0], axis=1),),
    ),
    "LanguageModel": (lambda d: models.LanguageModel(7, 5, read(d), dtype=d), (IDS,)),
    "WindowNetwork": (lambda d: models.WindowNetwork(7, 5, 4, 3, direct=True, dtype=d), (IDS,)),
    "ELMo": (lambda d: models.ELMo(7, 5, dtype=d), (IDS,)),
    "Contextual": (lambda d: models.Contextual(models.ELMo(7, 5, dtype=d)), (IDS,)),
    "ByClass": (
        lambda d: models.ByClass((0.4, 0.6), models.LanguageModel(7, 5, read(d), dtype=d)),
        (IDS,),
    ),
    "SentenceEncoder": (lambda d: models.SentenceEncoder(7, 5, read(d), dtype=d), (IDS,)),
    "SkipThought": (lambda d: models.SkipThought(7, 5, 6, dtype=d), (IDS, IDS, IDS)),
    "Acceptor": (lambda d: models.Acceptor(3, read(d), dtype=d), (SERIES,)),
    "Transducer": (lambda d: models.Transducer(3, read(d), models.OneHot(7), dtype=d), (IDS,)),
    "OneHot": (lambda d: models.Acceptor(3, read(d), models.OneHot(7), dtype=d), (IDS,)),
    "Tagger": (
        lambda d: models.Tagger(7, 5, read(d), 3, models.CharacterFeatures(7, 4, dtype=d), dtype=d),
        (IDS, SPELLED),
    ),
    "CharacterFeatures": (lambda d: models.CharacterFeatures(7, 4, dtype=d), (IDS,)),
    "TextClassifier": text(lambda d: models.Bag()),
    "Bag": text(lambda d: models.Bag()),
    "NGrams": text(lambda d: models.NGrams(4, (2, 3), dtype=d)),
    "SummedNGrams": text(lambda d: models.SummedNGrams(4, (2, 3), dtype=d)),
    "Dilated": text(lambda d: models.Dilated(4, dtype=d)),
    "Hierarchical": text(lambda d: models.Hierarchical(4, dtype=d)),
    "BagOfWords": (
        lambda d: models.BagOfWords(7, 3, kernel_init=nn.initializers.normal(1.0), dtype=d),
        (IDS,),
    ),
    "Encoder": (lambda d: models.Encoder(7, 5, 6, dtype=d), (IDS, MASK)),
    "StateEncoder": (lambda d: models.StateEncoder(7, 5, 6, dtype=d), (IDS, MASK)),
    "Seq2Seq": seq2seq(lambda d: models.FixedContext(6, dtype=d)),
    "FixedContext": seq2seq(lambda d: models.FixedContext(6, dtype=d)),
    "FromStates": seq2seq(lambda d: models.FromStates(6, LSTM, dtype=d), models.StateEncoder),
    "Attentive": attending(models.Attentive),
    "InputFeeding": attending(models.InputFeeding),
    "AttendFirst": attending(models.AttendFirst),
    "AWDLSTM": (lambda d: AWD(dtype=d), (IDS,)),
    "ULMFiT": (lambda d: models.ULMFiT(AWD(dtype=d)), (IDS,)),
    "ULMFiTClassifier": (lambda d: models.ULMFiTClassifier(AWD(dtype=d), 3), (IDS,)),
    "GPT": (lambda d: models.GPT(7, 8, 1, 2, 8, dtype=d), (IDS,)),
    "GPTClassifier": (
        lambda d: models.GPTClassifier(models.GPT(7, 8, 1, 2, 8, dtype=d), 3),
        (IDS,),
    ),
    "BERT": (bert, (IDS,)),
    "BERTClassifier": (lambda d: models.BERTClassifier(bert(d), 3), (IDS,)),
    "BERTTagger": (lambda d: models.BERTTagger(bert(d), 3), (IDS,)),
    "BERTPretraining": (lambda d: models.BERTPretraining(bert(d)), (IDS,)),
    "Transformer": (lambda d: models.Transformer(7, 8, 1, 2, 8, dtype=d), (IDS, MASK, IDS)),
}
WITHOUT = {"Score", "Positions", "Decoder", "Dot", "ScaledDot", "Dropout", "Learned", "Rotary",
           "NoPositions", "Sinusoidal", "ALiBi"}  # fmt: skip
"""What has no parameters, or adds the ones it has to what comes, in its dtype."""
HEADS = {"GPTClassifier": 1, "BERTClassifier": 1, "BERTTagger": 1, "BERTPretraining": 1}
"""Whose last product, of logits, is one of float32."""


@pytest.mark.parametrize(("room", "table"), [(layers, LAYERS), (models, MODELS)])
def test_every_public_module_is_here(room, table):
    public = {
        name
        for name in room.__all__
        if inspect.isclass(getattr(room, name)) and issubclass(getattr(room, name), nn.Module)
    }
    assert public - WITHOUT == set(table)


def called(module, inputs):
    parameters = inspect.signature(type(module).__call__).parameters
    return inputs, TRAIN if "train" in parameters else {}


@pytest.mark.parametrize("name", [*LAYERS, *MODELS])
def test_products_are_of_bfloat16_and_parameters_of_float32(name):
    build, inputs = (LAYERS | MODELS)[name]
    module, plain = build(BF16), build(None)
    given, flags = called(module, inputs)
    variables = jax.jit(lambda key: module.init(key, *given, **flags))(KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}

    def run(module, variables):
        return module.apply(variables, *given, **flags)

    def total(params):
        outputs = run(module, {**variables, "params": params})
        leaves = [leaf for leaf in jax.tree.leaves(outputs) if leaf.dtype != jnp.int32]
        return sum(jnp.sum(leaf * 1.0) for leaf in leaves).astype(jnp.float32)

    params = variables.get("params", {})
    gradient = jax.make_jaxpr(jax.grad(total))(params)
    found = [dtypes for dtypes, batched in products(gradient.jaxpr) if not batched]
    wide = sum("float32" in dtypes for dtypes in found)
    assert wide == 3 * HEADS.get(name, 0), found  # forward, and back to inputs and weights
    narrow, expected = (jax.jit(functools.partial(run, of))(variables) for of in (module, plain))
    for ours, right in zip(*map(jax.tree.leaves, (narrow, expected)), strict=True):
        right = np.asarray(right, np.float64)
        error = np.abs(np.asarray(ours, np.float64) - right).max()
        assert error <= 0.04 * max(1, np.abs(right).max())
    assert "bf16" in str(gradient)


def products(jaxpr):
    """(dtypes of the operands, whether rows of a batch meet their own) of each product within."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            numbers = equation.params["dimension_numbers"]
            batched = equation.primitive.name == "dot_general" and bool(numbers[1][0])
            yield {str(operand.aval.dtype) for operand in equation.invars}, batched
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)
