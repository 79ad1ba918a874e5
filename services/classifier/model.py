"""A loaded model: judges comments. Pure; any number of threads may use one model at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.features import SIGNALS, CommentFeatures, FeatureBatch, fingerprint
from services.classifier.heads import Floats, Stack, expect, logistic, softmax, weights_of
from services.classifier.judgement import MAX_APPEAL, MAX_TOPICS, Judgement, Thresholds
from services.classifier.language import NEAR, languages
from services.classifier.manifest import Manifest, ModelError, read_model
from services.classifier.personal import personal_data
from services.classifier.spelling.letters import Kind
from shared.events import Flags, Tag, TopicScore
from shared.topics import OTHER, TOPIC_IDS

DEFAULT_MODEL = Path(__file__).parent / "models" / "default"
"""The model that comes with the program."""

SLICE_TEXTS = 256
SLICE_CHARACTERS = 262_144
"""What is judged at once, at most: more would not be faster, and this bounds the memory: 100 MB for what people write,
250 MB where every character is one that NFKC takes apart into eighteen (U+FDFA)."""

TAGS: tuple[Tag, ...] = get_args(Tag)
APPEALS = ("complaint", "other", "question")
"""What a comment can be that is no spam: the classes of the head `tag`."""
HEADS = ("spam", "tag", "toxic", "urgent", "topic")
CAREFUL = "careful_"
"""Before the name of a head that reads an embedding beside the features."""

MIN_LETTERS = 3
"""Letters from which on a text can be toxic or urgent, or spam without FOREIGN_SPAM's evidence: the shortest such words
have as many."""
WORTH_A_TOPIC = 0.2
"""From this probability of question and complaint together on, a topic is told."""
FOREIGN_SPAM = 0.24
"""The highest probability of spam of a text without words, or in a language that is not NEAR, that carries no link,
contact or money: less than the likeliest of the three other tags must then have. What is taken goes to `other`."""
_LETTERS = [Kind.LOWER, Kind.UPPER, Kind.LATIN, Kind.LATIN_UPPER]
_EVIDENCE = [Kind.LINK, Kind.EMAIL, Kind.PHONE, Kind.MENTION, Kind.MONEY, Kind.CURRENCY]


class Outputs(msgspec.Struct, frozen=True):
    """What the heads say of n comments: `tags` is n x 4 in the order of TAGS, flags are probabilities of yes."""

    tags: Floats
    toxic: Floats
    urgent: Floats


class Model:
    """`version` names it in every event. Build one with `load`.

    Two questions make a tag: whether it is spam, and what it is if not. P(spam) is the first head's, each other tag
    has its share of the rest.
    """

    def __init__(self, manifest: Manifest, arrays: dict[str, NDArray[Any]]) -> None:
        """Raises ModelError where the parts do not fit one another or this program."""
        self.version = manifest.version
        self.thresholds: Thresholds = manifest.thresholds
        _check(manifest)
        bits = manifest.bits
        self.features = CommentFeatures(bits)
        self.features.char_weights_ = expect(arrays, "char_weights", (2**bits,))
        self.features.word_weights_ = expect(arrays, "word_weights", (2**bits,))
        self.careful_name = manifest.embedder
        """Name of the embedder that its careful heads were trained with; None where it has none."""
        self.careful_unsure = manifest.careful_unsure
        """What `thresholds.unsure` is when it reads carefully."""
        self._size = manifest.embedding_size
        self.heads = {name: weights_of(head, arrays, bits, self._size) for name, head in manifest.heads.items()}
        """By name; those of the careful reader begin with CAREFUL."""
        rows = (2**bits, 2**bits, len(SIGNALS), self._size)
        self._fast = Stack([self.heads[name] for name in HEADS[:-1]], rows)
        self._tag_only = Stack([self.heads[name] for name in HEADS[:2]], rows)
        self._careful: Stack | None = None
        if self.careful_name is not None:
            self._careful = Stack([self.heads[CAREFUL + name] for name in HEADS[:-1]], rows)
        self._topics = list(self.heads["topic"].classes)
        self._appeals = [TAGS.index(cast("Tag", name)) for name in self.heads["tag"].classes]

    @classmethod
    def load(cls, folder: Path = DEFAULT_MODEL) -> Model:
        """The model in `folder`, every array's hash checked; raises ModelError, which names what is wrong."""
        manifest, arrays = read_model(folder)
        return cls(manifest, arrays)

    def judge(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        """One judgement for each text, in order. Takes any `str`; a text's judgement does not depend on the others.

        `replies` says which are known to answer another comment.
        """
        judgements: list[Judgement] = []
        for part in _slices(texts):
            judgements.extend(self._judge(texts[part], replies[part] if replies is not None else None, None))
        return judgements

    def judge_carefully(
        self, texts: Sequence[str], embeddings: NDArray[np.float32], replies: Sequence[bool] | None = None
    ) -> list[Judgement]:
        """As `judge`, with the texts' embeddings beside them; raises ModelError where there are no careful heads."""
        if self._careful is None:
            raise ModelError(f"model {self.version} has no careful heads")
        if embeddings.shape != (len(texts), self._size):
            raise ValueError(f"{len(texts)} texts need {len(texts)} x {self._size} numbers, not {embeddings.shape}")
        judgements: list[Judgement] = []
        for part in _slices(texts):
            known = replies[part] if replies is not None else None
            judgements.extend(self._judge(texts[part], known, embeddings[part]))
        return judgements

    def probabilities(self, texts: Sequence[str]) -> dict[str, Floats]:
        """What the fast reader says: `tag` is n x 4 in the order of TAGS, `topic` n x topics, flags are n."""
        batch = self.features.batch(texts)
        outputs = self._outputs(self._fast, batch, None)
        return {
            "tag": outputs.tags,
            "toxic": outputs.toxic,
            "urgent": outputs.urgent,
            "topic": self._topic(batch, np.arange(len(texts)), None),
        }

    def tag_scores(self, texts: Sequence[str]) -> Floats:
        """The fast reader's tags alone, for measuring: n x 4 probabilities in the order of TAGS."""
        return self._tags(self._tag_only.apply(self.features.batch(texts), None))

    def _outputs(self, stack: Stack, batch: FeatureBatch, embeddings: Floats | None) -> Outputs:
        outputs = stack.apply(batch, embeddings)
        return Outputs(self._tags(outputs), logistic(outputs[:, -2]), logistic(outputs[:, -1]))

    def _carefully(self, batch: FeatureBatch, embeddings: Floats, careful: Stack) -> Outputs:
        """Both readers heard: they err in different places, and their mean is better than either."""
        one, other = self._outputs(self._fast, batch, None), self._outputs(careful, batch, embeddings)
        half = np.float32(0.5)
        return Outputs(
            (one.tags + other.tags) * half, (one.toxic + other.toxic) * half, (one.urgent + other.urgent) * half
        )

    def _tags(self, outputs: Floats) -> Floats:
        spam = logistic(outputs[:, 0])
        tags = np.empty((len(outputs), len(TAGS)), dtype=np.float32)
        tags[:, self._appeals] = softmax(outputs[:, 1:4]) * (1 - spam)[:, None]
        tags[:, _SPAM] = spam
        return tags

    def _topic(self, batch: FeatureBatch, rows: NDArray[np.intp], embeddings: Floats | None) -> Floats:
        head = self.heads["topic"]
        whole = len(rows) == batch.chars.shape[0]
        outputs = (batch.chars if whole else batch.chars[rows]) @ head.chars + head.intercepts
        probabilities: Floats = softmax(outputs)
        if embeddings is not None:
            careful = self.heads[CAREFUL + "topic"]
            beside = softmax(embeddings[rows] @ careful.embedding + careful.intercepts)
            probabilities = (probabilities + beside) * np.float32(0.5)
        return probabilities

    def _judge(
        self, texts: Sequence[str], replies: Sequence[bool] | None, embeddings: Floats | None
    ) -> list[Judgement]:
        batch = self.features.batch(texts, replies)
        if embeddings is None or self._careful is None:
            outputs = self._outputs(self._fast, batch, None)
        else:
            outputs = self._carefully(batch, embeddings, self._careful)
        named = languages(texts, batch.counts)
        # Of a text without words the heads know nothing but how short it is; that must not put it before all others.
        worded = batch.counts[:, _LETTERS].sum(axis=1) >= MIN_LETTERS
        foreign = np.array([name is not None for name in named]) | _in_other_letters(batch)
        near = np.array([name in NEAR for name in named])
        scores = _soberly(outputs.tags.astype(np.float64), batch, (foreign & ~near) | ~worded)
        best = scores.argmax(axis=1)
        appeal = scores[:, _APPEAL].sum(axis=1)
        worth = np.flatnonzero((appeal >= WORTH_A_TOPIC) & (best != _SPAM))
        topics: list[tuple[TopicScore, ...]] = [()] * len(texts)
        for row, told in zip(worth.tolist(), self._named(self._topic(batch, worth, embeddings)), strict=True):
            topics[row] = told
        toxic = (outputs.toxic >= self.thresholds.toxic) & worded
        urgent = (outputs.urgent >= self.thresholds.urgent) & worded
        flags = np.stack([toxic, urgent, personal_data(texts, batch.counts)], axis=1).tolist()
        border = self.thresholds.unsure if embeddings is None else self.careful_unsure
        clearly = self._clearly(outputs.tags[:, _SPAM], appeal) if (best == _SPAM).any() else [None] * len(texts)
        return [
            Judgement(
                tag=TAGS[place],
                scores=dict(zip(TAGS, row, strict=True)),
                confidence=row[place],
                unsure=row[place] < border or strange,
                topic=told[0].topic if told else OTHER,
                topics=told,
                flags=_FLAGS[tuple(raised)],
                language=language,
                spam_precision=precision if place == _SPAM and not strange else None,
            )
            for place, row, told, raised, language, strange, precision in zip(
                best.tolist(), scores.tolist(), topics, flags, named, foreign.tolist(), clearly, strict=True
            )
        ]

    def _named(self, probabilities: Floats) -> Iterator[tuple[TopicScore, ...]]:
        likeliest = _likeliest(probabilities)
        certainty = np.round(np.take_along_axis(probabilities, likeliest, axis=1).astype(np.float64), 4)
        for places, scores in zip(likeliest.tolist(), certainty.tolist(), strict=True):
            yield tuple(
                TopicScore(topic=self._topics[place], score=score) for place, score in zip(places, scores, strict=True)
            )

    def _clearly(self, spam: Floats, appeal: NDArray[np.float64]) -> list[float | None]:
        """The highest precision that an operator can ask for and each still meets."""
        met: list[float | None] = [None] * len(spam)
        for border in self.thresholds.spam:
            for row in np.flatnonzero((spam >= border.threshold) & (appeal <= MAX_APPEAL)).tolist():
                met[row] = border.precision
        return met


_SPAM = TAGS.index("spam")
_APPEAL = [TAGS.index("question"), TAGS.index("complaint")]
_FLAGS = {
    (toxic, urgent, personal): Flags(toxic=toxic, urgent=urgent, personal_data=personal)
    for toxic in (False, True)
    for urgent in (False, True)
    for personal in (False, True)
}


def _likeliest(probabilities: Floats) -> NDArray[np.intp]:
    """Of each row the places of the MAX_TOPICS highest, in order, the first of equal ones first; a sort of whole rows
    takes three times as long."""
    left = probabilities.copy()
    rows = np.arange(len(left))
    places = np.empty((len(left), MAX_TOPICS), dtype=np.intp)
    for rank in range(MAX_TOPICS):
        places[:, rank] = left.argmax(axis=1)
        left[rows, places[:, rank]] = -1
    return places


def _in_other_letters(batch: FeatureBatch) -> NDArray[np.bool_]:
    """Whose letters are mostly not Cyrillic, and not because Russian was disguised in them."""
    other = batch.counts[:, [Kind.LATIN, Kind.LATIN_UPPER, Kind.LETTER]].sum(axis=1)
    russian = batch.counts[:, [Kind.LOWER, Kind.UPPER]].sum(axis=1)
    disguised = batch.signals[:, SIGNALS.index("disguised")] > 0
    mostly: NDArray[np.bool_] = (other > russian) & (other >= MIN_LETTERS) & ~disguised
    return mostly


def _soberly(scores: NDArray[np.float64], batch: FeatureBatch, unread: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`scores` in four places; what the heads cannot read is no spam for its looks alone."""
    bare = unread & (batch.counts[:, _EVIDENCE].sum(axis=1) == 0)
    excess = np.where(bare, np.maximum(scores[:, _SPAM] - FOREIGN_SPAM, 0), 0)
    scores[:, _SPAM] -= excess
    scores[:, TAGS.index("other")] += excess
    return np.round(scores, 4)


def _check(manifest: Manifest) -> None:
    name = f"model {manifest.version}" if manifest.version else "this model"
    wanted = [*HEADS, *(CAREFUL + head for head in HEADS if manifest.embedder)]
    missing = [head for head in wanted if head not in manifest.heads]
    if missing:
        raise ModelError(f"{name}: no head {', '.join(missing)}")
    for head in wanted:
        classes = manifest.heads[head].classes
        kind = head.removeprefix(CAREFUL)
        if kind == "tag" and sorted(classes) != sorted(APPEALS):
            raise ModelError(f"{name}: the classes of {head} are not {', '.join(APPEALS)}")
        if kind in ("spam", "toxic", "urgent") and classes != ("0", "1"):
            raise ModelError(f"{name}: {head} does not say no or yes, 0 or 1")
        if kind == "topic" and classes != manifest.heads["topic"].classes:
            raise ModelError(f"{name}: {head} has other topics than topic")
    topics = manifest.heads["topic"].classes
    if len(set(topics)) != len(topics) or len(topics) < MAX_TOPICS:
        raise ModelError(f"{name}: at least {MAX_TOPICS} different topics are needed, its are {', '.join(topics)}")
    unknown = set(topics) - TOPIC_IDS
    if unknown:
        raise ModelError(f"{name}: unknown topics {', '.join(sorted(unknown))}")
    if manifest.fingerprint != fingerprint(manifest.bits):
        raise ModelError(
            f"{name}: trained with another version of the text features; train it anew with "
            "`python -m services.classifier train`"
        )


def _slices(texts: Sequence[str]) -> Iterator[slice]:
    start, size = 0, 0
    for index, text in enumerate(texts):
        if index > start and (index - start >= SLICE_TEXTS or size + len(text) > SLICE_CHARACTERS):
            yield slice(start, index)
            start, size = index, 0
        size += len(text)
    if start < len(texts):
        yield slice(start, len(texts))
