# SPDX-License-Identifier: Apache-2.0
"""Every example on small data: it runs as its page says, learns something, and draws its pictures."""

import pytest

pytest.importorskip("matplotlib", reason="the examples draw, which needs the extra `plots`")


def pictures(folder, *names):
    for name in names:
        data = (folder / name).read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 3000, name


def test_linear_regression_finds_the_closed_form(run_example):
    found, text, folder = run_example("linear_regression")
    assert found["difference_to_closed_form"] < 1e-3 and "closed form" in text
    pictures(folder, "linear_regression.png")


def test_logistic_regression_is_as_good_as_scikit_learns(run_example):
    pytest.importorskip("sklearn", reason="the data and the judge come from scikit-learn")
    found, _, folder = run_example("logistic_regression", "--epochs", 40)
    assert abs(found["test_accuracy"] - found["sklearn_test_accuracy"]) <= 0.0118  # two of 171
    pictures(folder, "logistic_regression.png")


@pytest.mark.parametrize(
    ("name", "data", "flags", "least"),
    [
        ("mnist_mlp", "mnist", ["--epochs", 4], 0.8),
        ("mnist_cnn", "mnist", ["--epochs", 3], 0.8),
        ("vit_mnist", "mnist", ["--epochs", 3], 0.5),
        ("cifar10_cnn", "cifar10", ["--epochs", 2], 0.5),
        ("resnet20_cifar10", "cifar10", ["--epochs", 1, "--limit", 320], 0.0),
    ],
)
def test_classifiers_learn(run_example, small_data, name, data, flags, least):
    found, text, folder = run_example(name, *flags, data=small_data(data))
    assert least <= found["test_accuracy"] <= 1 and "Total params" in text
    pictures(folder, f"{name}.png", f"{name}_predictions.png")


@pytest.mark.parametrize("flags", [[], ["--augment"]])
def test_cats_and_dogs(run_example, small_data, flags):
    pytest.importorskip("PIL", reason="photos are read through Pillow")
    found, _, folder = run_example(
        "cats_and_dogs", "--epochs", 1, "--limit", 20, *flags, data=small_data("cats_dogs")
    )
    name = "cats_and_dogs_augmented" if flags else "cats_and_dogs"
    assert 0 <= found["test_accuracy"] <= 1
    pictures(folder, f"{name}.png", f"{name}_predictions.png")


def test_transfer_learning_trains_only_the_head(run_example, small_data):
    """Too few steps for the statistics of frozen normalizations: what it reaches is for test_real_data."""
    found, text, folder = run_example(
        "transfer_learning", "--epochs", 1, "--limit", 700, data=small_data("cifar10")
    )
    assert found["gain"] == pytest.approx(found["test_accuracy"] - found["scratch_test_accuracy"], abs=1e-5)
    assert "Trainable params: 645 " in text  # 128 features and a bias for 5 classes
    pictures(folder, "transfer_learning.png")


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_gans_draw_and_are_judged(run_example, small_data, name):
    found, text, folder = run_example(name, "--epochs", 2, "--limit", 512, data=small_data("mnist"))
    assert 0 <= found["share_taken_for_digits"] <= 1 and 0 <= found["digits_present"] <= 10
    assert text.count("generator loss") == 2
    pictures(folder, f"{name}_epoch_002.png", f"{name}_losses.png", f"{name}_samples.png")


def test_custom_loop_measures_as_scikit_learn_does(run_example, small_data):
    pytest.importorskip("sklearn", reason="the judge of the metrics")
    found, _, folder = run_example("custom_loop", "--epochs", 4, data=small_data("mnist"))
    assert found["difference_to_sklearn"] < 1e-6 and found["test_accuracy"] > 0.8
    pictures(folder, "custom_loop.png")


def test_char_gpt_learns_and_writes(run_example, small_data, monkeypatch):
    monkeypatch.setattr("tilewright.examples.char_gpt.ROUND", 60)
    found, text, folder = run_example("char_gpt", "--epochs", 1, data=small_data("tinyshakespeare"))
    assert found["validation_loss"] < 3.0 and len(text) > 500
    pictures(folder, "char_gpt.png")


def test_char_gpt_has_nanogpts_parameters():
    import numpy as np

    from tilewright.examples.char_gpt import GPT

    model = GPT(65)
    model(np.zeros((1, 4), np.int32))
    assert model.count_params() == 804_096


def test_text_transformer_tells_speakers_apart(run_example, small_data):
    found, _, folder = run_example("text_transformer", "--epochs", 6, data=small_data("tinyshakespeare"))
    assert found["test_accuracy"] > 2 * found["share_of_commonest"]
    pictures(folder, "text_transformer.png")


def test_lstm_learns_and_writes(run_example, small_data):
    found, text, folder = run_example("lstm_text", "--epochs", 3, data=small_data("tinyshakespeare"))
    assert found["validation_loss"] < 3.3 and len(text) > 300
    pictures(folder, "lstm_text.png")


def test_flags_are_checked(run_example, capsys):
    with pytest.raises(SystemExit):
        run_example("mnist_mlp", "--epochs", 0)
    assert "--epochs is 0, expected at least 1" in capsys.readouterr().err
