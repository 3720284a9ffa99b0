"""Networks of the user's own: what is asked of them, how they train, and every kind of bad one."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import dse
from dse.data.datasets import find_dataset
from dse.data.images import ImageData
from dse.errors import DeviceError, InputError, RecipeError
from dse.networks.build import build_network, sized_plan
from dse.networks.imported import ImportedNetwork
from dse.networks.network import PLAIN
from dse.recipe.models.cnn import CnnModel
from dse.recipe.models.imported import ImportedModel
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe, parse_recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.engines import choose_engine
from dse.training.graph_engine import GraphEngine
from dse.training.graphs import WARM_UPS, Work
from dse.training.images import DeviceImages
from dse.training.step_engine import Setup, StepEngine
from tests.small import FEW_DIGITS, trained

DIGITS = find_dataset("digits").shape
CPU = torch.device("cpu")

NETS = '''
import torch
from torch import nn
from torch.nn import functional


def cnn(shape, classes, filters=4):
    """The layers of dse's own model cnn, in its order."""
    channels, height, width = shape
    layers, widths = [], (channels, filters, 2 * filters, 4 * filters)
    for i in range(3):
        layers += [nn.Conv2d(widths[i], widths[i + 1], 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[3] * (height // 8) * (width // 8), classes))


class Doubled(nn.Module):
    """A loss of its own, twice the cross-entropy."""

    def __init__(self, shape, classes, filters=4):
        super().__init__()
        self.net = cnn(shape, classes, filters)

    def forward(self, images):
        return self.net(images)

    def training_loss(self, images, labels):
        return 2 * functional.cross_entropy(self(images), labels)


def lively(shape, classes):
    """Dropout, batch normalisation, and a size that is found out on the way."""
    return nn.Sequential(
        nn.Conv2d(shape[0], 4, 5, stride=3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5),
        nn.LazyLinear(classes),
    )


def dropping(shape, classes):
    return nn.Sequential(nn.Conv2d(shape[0], 4, 5, stride=3), nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(classes))


def tied(shape, classes):
    layer = nn.Linear(28, 28)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.Flatten(), nn.LazyLinear(classes))


def sharing(shape, classes, weight_sharing):
    return cnn(shape, classes, 2 if weight_sharing.convolution > 1 else 4)


class Lossy(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.net = cnn(shape, classes)

    def forward(self, images):
        return self.net(images)

    def training_loss(self, images, labels):
        return functional.cross_entropy(self(images), labels, reduction="none")


def flat(shape, classes):
    return nn.Flatten()


def nothing(shape, classes):
    return None


def greedy(shape, classes, width):
    raise ValueError(f"width={width}")


def wrong_scores(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes + 1))


def pair(shape, classes):
    class Pair(nn.Module):
        def forward(self, images):
            return images, images
    return Pair()


def elsewhere(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3, classes))


number = 3
'''


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the current directory, which is on no path."""
    (tmp_path / "own_nets.py").write_text(NETS)
    (tmp_path / "broken_nets.py").write_text("import torch\n\n1 / 0\n")
    (tmp_path / "needy_nets.py").write_text("import nowhere_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    for name in ("own_nets", "broken_nets", "needy_nets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "own_nets"


def own(factory: str, /, *, options: dict[str, object] | None = None, **recipe: object) -> Recipe:
    model = {"import": f"own_nets:{factory}", "options": options or {}}
    return parse_recipe(
        {"model": model, "epochs": 2, "batch_size": {"size": 20, "schedule": "constant"}, **recipe}, "test"
    )


def built(recipe: Recipe) -> ImportedNetwork:
    network = build_network(recipe, DIGITS, 0, CPU)
    assert isinstance(network, ImportedNetwork)
    return network


def test_a_recipe_with_a_network_says_what_it_is_and_imports_nothing() -> None:
    recipe = own("cnn", options={"filters": 8, "kernels": [3, 5]})
    assert "own_nets" not in sys.modules
    assert recipe.label.startswith("cnn, filters 8, kernels [3, 5] · fixed 0.001")
    assert recipe.model_dump()["model"]["import"] == "own_nets:cnn"
    assert recipe.id != own("cnn").id
    plan = compile_plan(recipe, DIGITS, 100)
    assert (plan.size, plan.parameters, plan.train_flops) == (None, None, None)
    assert dse.ImportedModel(import_="own_nets:cnn") == own("cnn").model


@pytest.mark.usefixtures("nets")
def test_sizes_are_counted_as_those_of_our_own() -> None:
    ours = compile_plan(Recipe(model=CnnModel(filters=4), epochs=2), DIGITS, 200)
    plan = sized_plan(compile_plan(own("cnn"), DIGITS, 200))
    assert (plan.parameters, plan.train_flops) == (ours.parameters, ours.train_flops)
    assert sized_plan(ours) is ours


@pytest.mark.usefixtures("nets")
def test_the_same_layers_train_bit_for_bit_as_our_own() -> None:
    ours = Recipe(model=CnnModel(filters=4), epochs=2, batch_size=own("cnn").batch_size)
    curves = [
        [(row.loss, row.validation_accuracy) for row in trained(recipe).curve]
        for recipe in (ours, own("cnn"))
    ]
    assert curves[0] == curves[1]


@pytest.mark.usefixtures("nets")
def test_a_loss_of_its_own_is_what_trains() -> None:
    plain, doubled = (trained(own(factory)).curve[0] for factory in ("cnn", "Doubled"))
    first = [build_network(own(factory), DIGITS, 0, CPU) for factory in ("cnn", "Doubled")]
    images, labels = torch.rand(8, 1, 28, 28), torch.arange(8)
    losses = [network.losses(images, labels).total for network in first]
    assert losses[1].item() == pytest.approx(2 * losses[0].item())
    assert doubled.loss > 1.5 * plain.loss


@pytest.mark.usefixtures("nets")
def test_a_network_that_draws_trains_alike_with_the_same_seed_and_leaves_torch_as_it_was() -> None:
    before = torch.get_rng_state()
    one, again, other = (trained(own("lively"), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert [row.loss for row in one.curve] == [row.loss for row in again.curve]
    assert [row.loss for row in one.curve] != [row.loss for row in other.curve]


@pytest.mark.usefixtures("nets")
def test_evaluation_drops_nothing_and_counts_nothing() -> None:
    network = built(own("lively"))
    norm = network.module[1]
    assert norm.num_batches_tracked.item() == 0  # nor did the trial at the start
    images = torch.rand(16, 1, 28, 28)
    assert torch.equal(network.predict(images), network.predict(images))
    assert norm.num_batches_tracked.item() == 0
    assert network.module.training


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    "parts",
    [
        {"optimizer": {"name": "schedule_free"}},
        {"optimizer": {"name": "muon"}},
        {"optimizer": {"name": "sgd"}, "averaging": {"name": "exponential"}},
        {"precision": "bfloat16", "batch_size": {"schedule": "stages", "stages": [
            {"epochs": 1, "size": 8}, {"epochs": "rest", "size": 50}]}},
        {"learning_rate": {"policy": "one_cycle"}},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_the_other_choices_of_a_recipe_apply(parts: dict[str, object], engine: str) -> None:
    run = trained(own("dropping", **parts), machine=dse.Machine("cpu", engine))
    assert (run.outcome, run.engine, len(run.curve)) == ("complete", engine, 2)


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    ("engine", "device", "reason"),
    [
        ("compiled", "cpu", "only a CapsNet's steps are compiled. Choose fast or auto"),
        ("fused", "cuda", "only a CapsNet routes"),
    ],
)
def test_engines_that_are_for_capsules_say_so(engine: str, device: str, reason: str) -> None:
    plan = sized_plan(compile_plan(own("cnn"), DIGITS, 100))
    with pytest.raises(DeviceError, match=f"engine '{engine}': {reason}"):
        choose_engine(engine, plan, device)
    assert choose_engine("auto", plan, "cpu") == ("fast", "not compiled: only a CapsNet's steps are compiled")


@pytest.mark.usefixtures("nets")
def test_sharing_is_for_a_network_that_offers_it() -> None:
    shared = {"convolution": 2}
    with pytest.raises(
        RecipeError,
        match="weight_sharing: convolution /2 has no meaning for imported, which does not name it among",
    ):
        own("cnn", weight_sharing=shared)
    model = {"import": "own_nets:sharing", "offers": ["weight_sharing"]}
    sizes = [
        build_network(
            Recipe(model=ImportedModel(**model), weight_sharing=each), DIGITS, 0, CPU
        ).size.parameters
        for each in (WeightSharing(), WeightSharing(**shared))
    ]
    assert sizes[0] > sizes[1]
    with pytest.raises(RecipeError, match="loss: cross-entropy of 10 × length has no meaning for imported"):
        own("cnn", loss={"name": "cross_entropy"})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"import": "own_nets"}, r"model\.import: 'own_nets' is no import path\. Write package\.module:factory"),
        ({"import": "own nets:cnn"}, r"model\.import: .* is no import path"),
        ({"import": "own_nets:cnn", "options": {"classes": 3}}, r"model\.options: classes is what dse calls the"),
        ({"import": "own_nets:cnn", "options": {"a": {"b": 1}}}, r"model\.options: a={'b': 1}, but an option is"),
        ({"import": "own_nets:cnn", "options": {"a": [float("nan")]}}, r"model\.options: a=\[nan\], but an option"),
        ({"import": "own_nets:cnn", "offers": ["loss"]}, r"model\.offers\[0\]='loss': Input should be 'weight"),
        ({"options": {}}, r"model: the key 'name' is missing"),
        ({"name": "cnn", "import": "own_nets:cnn"}, r"model\.import: unknown key"),
    ],
)  # fmt: skip
def test_bad_descriptions_are_refused(model: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=f"^test: {message}"):
        parse_recipe({"model": model}, "test")


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("no_nets:cnn", {}, r"model\.import='no_nets:cnn': there is no module 'no_nets', neither installed nor in /"),
        ("own_nets.more:cnn", {}, r"there is no module 'own_nets\.more'|not a package"),
        ("own_nets:cnm", {}, r"own_nets\.py has no 'cnm'\. Correct the name behind the colon"),
        ("own_nets:number", {}, r"number is int, but what is called must make a network\. Name a function or a class"),
        ("broken_nets:cnn", {}, r"importing broken_nets raised ZeroDivisionError at .*broken_nets\.py:3: division by"),
        ("needy_nets:cnn", {}, r"importing needy_nets raised ModuleNotFoundError at .*: No module named 'nowhere_at"),
        ("own_nets:nothing", {}, r"nothing\(shape=\(1, 28, 28\), classes=10\) returned NoneType, but a torch\.nn\.Mod"),
        ("own_nets:cnn", {"depth": 3}, r"cnn\(shape=.*, depth=3\) raised TypeError.*unexpected keyword arg"),
        ("own_nets:greedy", {"width": 0}, r"raised ValueError at .*own_nets\.py:\d+: width=0\. Correct it, or its opt"),
        ("own_nets:wrong_scores", {}, r"gives a tensor of torch\.float32 with the shape \[2, 11\] for 2 im"),
        ("own_nets:flat", {}, r"with the shape \[2, 784\] for 2 images, but scores of the shape \[2, 10\], imag"),
        ("own_nets:pair", {}, r"gives tuple for 2 images, but scores"),
        ("own_nets:elsewhere", {}, r"raised RuntimeError at .*mat1 and mat2 .* on 2 images of 1x28x28\. Let it take"),
        ("own_nets:Lossy", {}, r"training_loss of the network of .* gives a tensor of torch\.float32 with the"),
        ("builtins:dict", {}, r"returned dict, but a torch\.nn\.Module is wanted"),
        ("torch.nn:Identity", {}, r"with the shape \[2, 1, 28, 28\]"),
    ],
)  # fmt: skip
def test_bad_networks_are_refused(path: str, options: dict[str, object], message: str) -> None:
    recipe = Recipe(model=ImportedModel(import_=path, options=options))
    with pytest.raises(RecipeError, match=message) as raised:
        build_network(recipe, DIGITS, 0, CPU)
    assert raised.value.exit_code == 2


def test_the_current_directory_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nets: str) -> None:
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(RecipeError, match="colorsys.py has no 'net'"):
        build_network(Recipe(model=ImportedModel(import_="colorsys:net")), DIGITS, 0, CPU)
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.usefixtures("nets")
def test_weights_are_loaded_where_the_code_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    recipe = own("tied")
    dse.train(recipe, FEW_DIGITS, dse.Machine("cpu"), save=path)
    with pytest.raises(
        InputError, match=r"the network is code, 'own_nets:tied', and no file alone has code imported"
    ):
        dse.load_weights(path)
    network, origin = dse.load_weights(path, imports="own_nets:tied")
    assert origin.recipe == recipe
    images = torch.rand(4, 1, 28, 28)
    assert network.predict(images).shape == (4,)


def test_modules_as_factories_need_no_function() -> None:
    """A class is called as a function is."""
    model = ImportedModel(import_=f"{__name__}:Plain")
    sys.modules.setdefault(__name__, sys.modules[Plain.__module__])
    network = build_network(Recipe(model=model), DIGITS, 0, CPU)
    assert network.size.parameters == 7850


class Plain(nn.Module):
    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def once_more(work: Work) -> Work:
    """Warm up as a capture does, and give the work itself."""
    for _ in range(WARM_UPS):
        work()
    return work


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize("factory", ["cnn", "Doubled"])
def test_recorded_steps_are_the_plain_steps(factory: str, few_digits: ImageData) -> None:
    plan = sized_plan(compile_plan(own(factory, averaging={"name": "exponential"}), DIGITS, 100))
    images = DeviceImages.of(few_digits.train, CPU)
    sums, weights = [], []
    for kind in (StepEngine, partial(GraphEngine, capture=once_more)):
        engine = kind(Setup.of(plan, built(plan.recipe), images, 0), "twin", PLAIN)
        engine.prepare([20])
        rates, shares = (torch.from_numpy(each[:5].copy()) for each in (plan.rates, plan.average_shares))
        sums.append(engine.train(torch.arange(100), 20, rates, shares))
        weights.append(torch.cat([each.flatten() for each in engine.evaluated.state_dict().values()]))
    assert torch.equal(sums[0], sums[1])
    assert torch.equal(weights[0], weights[1])


@pytest.mark.gpu
@pytest.mark.usefixtures("nets", "gpu")
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_gpu_records_the_steps_of_a_network_that_draws(optimizer: str) -> None:
    recipe = own("lively", optimizer={"name": optimizer}, averaging={"name": "exponential"}, epochs=3)
    runs = [
        trained(recipe, machine=dse.Machine("cuda", engine), seed=1)
        for engine in ("fast", "fast", "reference")
    ]
    assert [run.engine for run in runs] == ["fast", "fast", "reference"]
    assert all(run.outcome == "complete" for run in runs)
    assert runs[0].curve[-1].loss == pytest.approx(runs[1].curve[-1].loss, rel=1e-3)
    assert runs[0].curve[-1].loss < runs[0].curve[0].loss
