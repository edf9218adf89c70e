"""AraBERT's forms, against the preprocessing published with it (PyPI: arabert)."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from marsad.words import WordCutter
from marsad_train.config import Run, read_config

Split = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def published() -> Split:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package has invalid escapes in its source
        from arabert.preprocess import ArabertPreprocessor  # noqa: PLC0415

        preprocessor = ArabertPreprocessor("aubmindlab/bert-base-arabertv02")
    return lambda text: str(preprocessor.preprocess(text)).split()


@pytest.fixture(scope="module")
def ours() -> Split:
    cut = WordCutter(read_config(Run, Path("configs/arabert.toml")).spelling)
    return lambda text: " ".join(word.form for word in cut(text)).split()


@pytest.mark.parametrize(
    "text",
    [
        "قَصَفَتْ قُوّاتُ النِّظامِ مدينةَ حلبَ.",
        "مقتــــل ١٥ شخصاً و٣٫٥ ألف جريح",
        "في 27/11/2024، وفق تموز/يوليو",
        "سقط20قتيلاً في حي65 (شرق حلب) - عاجل!",
        "قال: «لن نتراجع»، ثم “غادر” القاعة؟",
        "#ريف_إدلب_الجنوبي تحت القصف؛ 90٪ من المنازل",
        "التفاصيل على https://t.co/abc?x=1 نقلاً عن @syriahr أمس",
        "ههههههههه عاااااجل",
        "بقيمة 1.026 مليار دولار",
        "قوات YPG وطائرة MQ 9",
    ],
    ids=lambda text: text[:12],
)
def test_forms_are_those_of_the_published_preprocessing(
    text: str, published: Split, ours: Split
) -> None:
    assert ours(text) == published(text)


@pytest.mark.parametrize(
    ("text", "theirs", "better"),
    [
        ("مـ ـقـ ـتل", "م ق تل", "مقتل"),  # spread letters fall apart there
        ("ﻗﺼﻒ", "", "قصف"),  # presentation forms are dropped there
        ("لCNN", "لCNN", "ل CNN"),  # glued scripts stay glued there
        ("ال\u200bجيش", "ال جيش", "الجيش"),  # invisible characters cut words there
    ],
    ids=["spread letters", "presentation forms", "glued scripts", "zero-width space"],
)
def test_forms_differ_where_the_published_ones_lose_words(
    text: str, theirs: str, better: str, published: Split, ours: Split
) -> None:
    assert published(text) == theirs.split()
    assert ours(text) == better.split()
